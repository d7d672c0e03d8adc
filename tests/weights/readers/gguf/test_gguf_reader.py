"""GGUF files read as the package that defines them reads them."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize

from tests.support.gguf_files import (
    coded,
    gaussian,
    random_blocks,
    small_llama,
    write_gguf,
)
from tests.support.loopback import Hub
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources.metadata import Architecture, architecture_of
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

QUANTISED_BY_THE_PACKAGE = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "TQ1_0", "TQ2_0", "MXFP4"]
OF_RANDOM_BITS = [
    *("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"),
    *("IQ1_S", "IQ1_M", "IQ4_NL", "IQ4_XS"),
    *(("NVFP4",) if "NVFP4" in GGMLQuantizationType.__members__ else ()),  # since 0.19
]


def as_the_package_reads(file: Path) -> dict[str, np.ndarray]:
    """All tensors, decoded whole by the package's own reader."""
    return {
        tensor.name: dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(file).tensors
    }


def test_numbers_are_read_in_their_own_type(tmp_path: Path) -> None:
    w = gaussian(5, 64)
    brain = torch.from_numpy(w).to(torch.bfloat16)
    bits = brain.view(torch.uint8).numpy(), GGMLQuantizationType.BF16
    tensors = {
        "f32.weight": w,
        "f16.weight": w.astype(np.float16),
        "bf16.weight": bits,
        "f64.weight": w.astype(np.float64),
        **{f"i{8 * n}": np.arange(6, dtype=f"i{n}").reshape(2, 3) for n in (1, 2, 4, 8)},
    }
    with open_checkpoint(write_gguf(tmp_path / "m.gguf", tensors)) as checkpoint:
        assert checkpoint.format == "gguf"
        read = {name: checkpoint.read(name) for name in checkpoint.tensors}
    assert [str(tensor.dtype)[6:] for tensor in read.values()] == [
        *("float32", "float16", "bfloat16", "float64", "int8", "int16", "int32", "int64"),
    ]
    assert torch.equal(read["bf16.weight"], brain)
    for name in ("f32.weight", "f16.weight", "f64.weight", "i8", "i16", "i32", "i64"):
        np.testing.assert_array_equal(read[name].numpy(), tensors[name])
        assert checkpoint.info(name).coded is None


@pytest.mark.parametrize("kind", QUANTISED_BY_THE_PACKAGE + OF_RANDOM_BITS)
def test_blocks_are_decoded_as_the_package_decodes_them(tmp_path: Path, kind: str) -> None:
    """In as many steps as it takes: the matrix is larger than what is decoded at a time."""
    shape = (1100, 256)
    made = (
        coded(gaussian(*shape), kind)
        if kind in QUANTISED_BY_THE_PACKAGE
        else random_blocks(kind, shape)
    )
    file = write_gguf(tmp_path / "m.gguf", {"blk.0.ffn_up.weight": made})
    with np.errstate(all="ignore"):
        (right,) = as_the_package_reads(file).values()
    with open_checkpoint(file) as checkpoint:
        info = checkpoint.info("blk.0.ffn_up.weight")
        assert (info.shape, info.dtype, info.coded) == (shape, "float32", kind.lower())
        assert info.nbytes == made[0].nbytes
        whole = checkpoint.read(info.name)
        rows = checkpoint.read_rows(info.name, 1023, 1026)
    np.testing.assert_array_equal(whole.numpy(), right)
    np.testing.assert_array_equal(rows.numpy(), right[1023:1026])


def test_rows_of_one_expert_and_of_a_vector_are_read_alone(tmp_path: Path) -> None:
    stack, vector = gaussian(3, 4, 64), gaussian(96)
    tensors = {"a.weight": coded(stack, "Q8_0"), "b.weight": coded(vector, "Q8_0")}
    file = write_gguf(tmp_path / "m.gguf", tensors)
    right = as_the_package_reads(file)
    with open_checkpoint(file) as checkpoint:
        assert checkpoint.read_rows("a.weight", 1, 3).shape == (2, 4, 64)
        np.testing.assert_array_equal(
            checkpoint.read_rows("a.weight", 1, 3).numpy(), right["a.weight"][1:3]
        )
        # Rows of a vector need not begin where a block does.
        np.testing.assert_array_equal(
            checkpoint.read_rows("b.weight", 30, 40).numpy(), right["b.weight"].ravel()[30:40]
        )
        assert checkpoint.read_rows("b.weight", 7, 7).shape == (0,)
        with pytest.raises(CheckpointError, match="no rows"):
            checkpoint.read_rows("a.weight", 2, 4)


def test_a_row_says_in_which_type_the_file_keeps_it_and_measures_what_is_decoded(
    tmp_path: Path,
) -> None:
    w = gaussian(128, 96)
    file = write_gguf(
        tmp_path / "m.gguf",
        {"blk.0.ffn_up.weight": coded(w, "Q4_0"), "blk.0.ffn_down.weight": w.astype(np.float16)},
    )
    rows = analyze(file).to_pylist()
    assert {row["layer"]: row["precision"] for row in rows} == {
        "blk.0.ffn_up": "q4_0",
        "blk.0.ffn_down": "float16",
    }
    (row,) = (row for row in rows if row["precision"] == "q4_0")
    decoded = as_the_package_reads(file)["blk.0.ffn_up.weight"].astype(np.float64)
    assert row["log_norm"] == pytest.approx(np.log10((decoded**2).sum()))
    assert row["log_norm"] != pytest.approx(np.log10((w.astype(np.float64) ** 2).sum()))


@pytest.mark.parametrize("kind", ["Q8_1", "Q8_K"])
def test_a_type_of_activations_is_a_row_without_numbers(tmp_path: Path, kind: str) -> None:
    blocks = random_blocks(kind, (4, 256))
    tensors = {"blk.0.ffn_up.weight": blocks, "blk.0.ffn_down.weight": gaussian(20, 20)}
    file = write_gguf(tmp_path / "m.gguf", tensors)
    with open_checkpoint(file) as checkpoint:
        spec = next(s for s in list_layers(checkpoint) if s.status)
        assert (spec.layer, spec.status) == ("blk.0.ffn_up", "quantized")
        assert (spec.precision, spec.shape) == (kind.lower(), (4, 256))
        with pytest.raises(CheckpointError, match=f"{kind.lower()} cannot be decoded"):
            checkpoint.read("blk.0.ffn_up.weight")
    row = next(row for row in analyze(file).to_pylist() if row["status"] == "quantized")
    assert row["precision"] == kind.lower()


def test_a_weight_with_a_scale_beside_it_is_their_product(tmp_path: Path) -> None:
    """BitNet keeps signs and one scale, NVFP4 one a matrix, a stack of experts one each."""
    one, stack, half = gaussian(64, 256), gaussian(3, 32, 64), gaussian(32, 32).astype(np.float16)
    scales = np.array([2, 3, 5], np.float32)
    tensors = {
        "blk.0.attn_q.weight": coded(one, "TQ2_0"),
        "blk.0.attn_q.scale": np.array([0.25], np.float32),
        "blk.0.ffn_up_exps.weight": coded(stack, "Q8_0"),
        "blk.0.ffn_up_exps.scale": scales,
        "blk.0.attn_k.weight": half,
        "blk.0.attn_k.scale": np.array([4], np.float32),
    }
    file = write_gguf(tmp_path / "m.gguf", tensors)
    right = as_the_package_reads(file)
    with open_checkpoint(file) as checkpoint:
        specs = {spec.layer: spec for spec in list_layers(checkpoint)}
        kernels = {layer: load_kernel(checkpoint, spec)[0] for layer, spec in specs.items()}
        np.testing.assert_array_equal(
            checkpoint.read("blk.0.ffn_up_exps.weight").numpy(),
            right["blk.0.ffn_up_exps.weight"] * scales[:, None, None],
        )
    assert set(specs) == {
        "blk.0.attn_q",
        "blk.0.attn_k",
        *(f"blk.0.ffn_up_exps[{i}]" for i in range(3)),
    }
    np.testing.assert_array_equal(kernels["blk.0.attn_q"], right["blk.0.attn_q.weight"] / 4)
    np.testing.assert_array_equal(
        kernels["blk.0.ffn_up_exps[2]"], right["blk.0.ffn_up_exps.weight"][2] * 5
    )
    np.testing.assert_array_equal(kernels["blk.0.attn_k"], half.astype(np.float32) * 4)
    assert specs["blk.0.attn_k"].precision == "float16"


def test_a_kernel_that_was_flattened_for_its_blocks_has_its_axes_again(tmp_path: Path) -> None:
    """As ComfyUI's converter writes convolutions, whose rows do not fill blocks."""
    kernel = gaussian(32, 16, 3, 3)
    key = "comfy.gguf.orig_shape.conv_in.weight"
    file = write_gguf(
        tmp_path / "unet.gguf",
        {"conv_in.weight": coded(kernel.reshape(-1, 256), "Q8_0")},
        {key: kernel.shape},
        "sdxl",
    )
    right = as_the_package_reads(file)["conv_in.weight"].reshape(kernel.shape)
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint)
        assert (spec.kind, spec.shape) == ("conv2d", kernel.shape)
        np.testing.assert_array_equal(checkpoint.read("conv_in.weight").numpy(), right)
        np.testing.assert_array_equal(
            checkpoint.read_rows("conv_in.weight", 3, 5).numpy(), right[3:5]
        )


def test_an_adapter_is_measured_as_its_update(tmp_path: Path) -> None:
    a, b = gaussian(4, 48, seed=1), gaussian(32, 4, seed=2)
    file = write_gguf(
        tmp_path / "lora.gguf",
        {"blk.0.attn_q.weight.lora_a": a, "blk.0.attn_q.weight.lora_b": b},
        {"general.type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": 8.0},
    )
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint)
        assert (spec.layer, spec.kind, spec.shape) == ("blk.0.attn_q", "lora", (32, 48))
        found = torch.linalg.svdvals(load_kernel(checkpoint, spec)[0])
    update = 8 / 4 * b.astype(np.float64) @ a.astype(np.float64)
    np.testing.assert_allclose(found, np.linalg.svd(update)[1][:4], rtol=1e-6)


def split(folder: Path, tensors: int = 4) -> list[Path]:
    folder.mkdir(parents=True)
    write_gguf(folder / "net.gguf", small_llama(), split_max_tensors=tensors)
    return sorted(folder.glob("*.gguf"))


def test_the_shards_of_a_model_are_one_model(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "whole.gguf", small_llama())
    files = split(tmp_path / "net")
    assert files[0].name == f"net-00001-of-{len(files):05}.gguf"
    for path in (tmp_path / "net", *files):  # any of them stands for all
        with open_checkpoint(path) as cut, open_checkpoint(whole) as checkpoint:
            assert [spec.layer for spec in list_layers(cut)] == [
                spec.layer for spec in list_layers(checkpoint)
            ]
            for name in checkpoint.tensors:
                assert torch.equal(cut.read(name), checkpoint.read(name))


def test_a_model_without_all_its_shards_is_refused(tmp_path: Path) -> None:
    first, *_, last = split(tmp_path / "net")
    last.unlink()
    for path in (tmp_path / "net", first):
        with pytest.raises(CheckpointError, match=f"the shard {last.name} is missing"):
            open_checkpoint(path)
    first.rename(tmp_path / "first.gguf")  # its header knows it all the same
    with pytest.raises(CheckpointError, match=r"1 of the .* shards of a model; all are needed"):
        open_checkpoint(tmp_path / "first.gguf")


@pytest.mark.parametrize(
    ("tensors", "kind", "message"),
    [
        ({"blk.0.ffn_up.weight.in_sum2": gaussian(1, 64)}, "imatrix", "importance matrix"),
        ({}, "model", "no weights"),  # a vocabulary alone
    ],
)
def test_a_file_without_weights_says_what_it_is(tmp_path, tensors, kind, message) -> None:
    file = write_gguf(tmp_path / "m.gguf", tensors, {"general.type": kind})
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(file)


def vocabulary(size: int) -> dict[str, list[str]]:
    return {"tokenizer.ggml.tokens": [f"token number {i} of many" for i in range(size)]}


def test_files_on_the_hub_are_streamed(hub: Hub, hub_root: Path) -> None:
    """Past a vocabulary that is longer than what is fetched first, and never to a disk."""
    home = hub_root / "net"
    home.mkdir()
    tensors = small_llama(width=256)
    file = write_gguf(home / "net.gguf", tensors, vocabulary(10_000))
    path = f"hf://me/net@{hub.add('me/net', home).main}/net.gguf"
    with open_checkpoint(path, hub.access) as there, open_checkpoint(file) as here:
        specs = list_layers(there)
        assert specs == list_layers(here)
        there.expect(specs)
        for spec in specs:
            assert torch.equal(load_kernel(there, spec), load_kernel(here, spec))
    assert hub.sent["cdn"] <= 1.02 * file.stat().st_size
    once = hub.sent["cdn"]
    with open_checkpoint(path, hub.access) as again:
        assert list_layers(again) == specs
    assert hub.sent["cdn"] == once, "a header at a commit never changes"
    assert not hub.access.cache_dir.exists()


def test_shards_on_the_hub_are_one_model(hub: Hub, hub_root: Path) -> None:
    files = split(hub_root / "net")
    sha = hub.add("me/net", hub_root / "net").main
    with open_checkpoint(f"hf://me/net@{sha}/{files[0].name}", hub.access) as checkpoint:
        assert set(checkpoint.tensors) == set(small_llama())


def test_the_metadata_stand_in_for_a_configuration(tmp_path: Path) -> None:
    file = write_gguf(
        tmp_path / "m.gguf",
        {"blk.0.attn_qkv.weight": gaussian(64, 32)},
        {
            "phi3.attention.head_count": 4,
            "phi3.attention.head_count_kv": 2,
            "phi3.embedding_length": 32,
        },
        "phi3",
    )
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')  # of the model it was made of
    with open_checkpoint(file) as checkpoint:
        config = json.loads(checkpoint.beside("config.json") or "")
        assert architecture_of(config) == Architecture("gguf:phi3", "gguf", "phi3")
        parts = {s.layer: s.rows for s in list_layers(checkpoint, split_qkv=True) if s.part_of}
    assert parts == {
        "blk.0.attn_qkv[q]": (0, 32),
        "blk.0.attn_qkv[k]": (32, 48),
        "blk.0.attn_qkv[v]": (48, 64),
    }
