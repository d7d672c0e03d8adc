"""Names of files and architectures."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources.local import directory_ref, local_models
from zoo_analysis.sources.metadata import timm_family
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.readers.files import HUB_NAMES, is_repository, weight_files


def put(folder: Path, *names: str) -> None:
    """Files, those of weights with one tensor called like the file, each of another size."""
    for i, name in enumerate(names):
        tensors = {name: torch.ones(64 << i)}
        if name.lower().endswith(".safetensors"):
            save_file(tensors, folder / name)
        elif name.lower().endswith((".txt", ".json", ".md")):
            (folder / name).write_text("{}")
        else:
            torch.save(tensors, folder / name)


def put_index(folder: Path, name: str, shards: list[str]) -> None:
    index = {"weight_map": {str(i): shard for i, shard in enumerate(shards)}}
    (folder / name).write_text(json.dumps(index))


def read(path: Path | str) -> set[str]:
    """The names of the files that a reader opens."""
    with open_checkpoint(path) as checkpoint:
        return set(checkpoint.tensors)


def size(folder: Path, names: set[str]) -> int:
    return sum((folder / name).stat().st_size for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ["model.safetensors", "pytorch_model.bin", "optimizer.pt"],
        ["pytorch_model.bin", "training_args.bin"],
        ["net.safetensors", "net.pth"],
        ["net.pth.tar", "rng_state.pth", "scheduler.pt", "notes.txt"],
        ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"],
        ["adapter_model.safetensors", "adapter_config.json"],
        ["weights.th"],
        ["only.ckpt"],
    ],
)
def test_the_files_counted_are_the_files_read(tmp_path, names):
    put(tmp_path, *names)
    assert {file.name for file in weight_files(tmp_path)} == read(tmp_path)
    assert directory_ref(tmp_path).nbytes == size(tmp_path, read(tmp_path))


def test_the_shards_of_an_index_are_counted(tmp_path):
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    put(tmp_path, *shards, "consolidated.safetensors")
    put_index(tmp_path, "model.safetensors.index.json", shards)
    found = weight_files(tmp_path)
    assert {path.name for path in found} == read(tmp_path)
    assert [path.name for path in found] == shards


def test_a_directory_without_weights_has_none_for_both(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert local_models(tmp_path).refs == ()
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "beside",
    [
        "tokenizer.pt",
        "vocab.bin",
        "dict.pt",
        "openvino_model.bin",
        "trainer_state.pt",
        "optimizer.pt",
        "random_states_0.pth",
        "scaler_1.pt",
        "bpe_simple.bpe.pt",
    ],
)
def test_what_training_and_tokenizing_leave_is_no_weights_for_anybody(tmp_path, beside):
    put(tmp_path, "net.pt", beside, "config.json")
    (ref,) = local_models(tmp_path).refs
    assert read(ref.path) == {"net.pt"}
    assert ref.nbytes == size(tmp_path, {"net.pt"})


def test_an_upscaler_is_no_state_of_a_gradient_scaler(tmp_path):
    put(tmp_path, "scaler2x.pth", "upscaler.pth")
    assert len(local_models(tmp_path).refs) == 2


def test_shards_whose_names_say_that_they_are_all_there_need_no_index(tmp_path):
    shards = [f"net-0000{i}-of-00003.bin" for i in (1, 2, 3)]
    put(tmp_path, *shards, "config.json")
    assert read(tmp_path) == set(shards)
    (tmp_path / shards[1]).unlink()
    with pytest.raises(CheckpointError, match=r"the shard net-00002-of-00003\.bin is missing"):
        open_checkpoint(tmp_path)
    (problem,) = local_models(tmp_path).problems
    assert "net-00002-of-00003.bin is missing" in problem.message


@pytest.mark.parametrize("plain", ["diffusion_pytorch_model", "net", "model"])
@pytest.mark.parametrize("variant", ["fp16", "bf16", "non_ema", "ema-only"])
@pytest.mark.parametrize("end", [".safetensors", ".bin"])
def test_a_plain_file_comes_before_its_variants(tmp_path, plain, variant, end):
    put(tmp_path, plain + end, f"{plain}.{variant}{end}", "config.json")
    assert read(tmp_path) == {plain + end}
    (tmp_path / f"{plain}{end}").unlink()
    assert read(tmp_path) == {f"{plain}.{variant}{end}"}


@pytest.mark.parametrize("name", ["{0}-{1}.{2}.{3}", "{0}.{2}-{1}.{3}"])
@pytest.mark.parametrize("with_index", [True, False])
def test_plain_shards_come_before_those_of_a_variant(tmp_path, name, with_index):
    stem, counts = "diffusion_pytorch_model", ["00001-of-00002", "00002-of-00002"]
    plain = [f"{stem}-{count}.safetensors" for count in counts]
    fp16 = [name.format(stem, count, "fp16", "safetensors") for count in counts]
    put(tmp_path, *plain, *fp16, "config.json")
    if with_index:
        put_index(tmp_path, f"{stem}.safetensors.index.json", plain)
        put_index(tmp_path, f"{stem}.safetensors.index.fp16.json", fp16)
    assert read(tmp_path) == set(plain)
    for file in (*plain, f"{stem}.safetensors.index.json"):
        (tmp_path / file).unlink(missing_ok=True)
    assert read(tmp_path) == set(fp16)
    (tmp_path / fp16[1]).unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "slices",
    [
        ["consolidated.00.pth", "consolidated.01.pth"],
        ["consolidated.01.pth"],
        ["mp_rank_00_model_states.pt", "mp_rank_01_model_states.pt"],
        ["reshard-model_part-0.pt", "reshard-model_part-1.pt"],
        ["checkpoint_last-shard0.pt", "checkpoint_last-shard1.pt"],
        ["mp_rank_00/model_optim_rng.pt", "mp_rank_01/model_optim_rng.pt"],
        ["tp_rank_00_pp_rank_000/weights.pt", "tp_rank_00_pp_rank_001/weights.pt"],
    ],
)
def test_a_slice_is_no_model(tmp_path, slices):
    for file in slices:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        put((tmp_path / file).parent, Path(file).name)
    for file in slices:
        with pytest.raises(CheckpointError, match="one of the slices"):
            open_checkpoint(tmp_path / file)
    for ref in local_models(tmp_path).refs:
        with pytest.raises(CheckpointError, match=r"one of the slices|cannot be put together"):
            open_checkpoint(ref.path)


def test_a_model_of_one_slice_is_whole(tmp_path):
    put(tmp_path, "consolidated.00.pth", "params.json")
    assert read(tmp_path / "consolidated.00.pth") == {"consolidated.00.pth"}


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 438007537\n"


@pytest.mark.parametrize(
    "name", ["model.safetensors", "pytorch_model.bin", "net.pth", "model.safetensors.index.json"]
)
def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path, name):
    (tmp_path / name).write_text(POINTER)
    (tmp_path / "config.json").write_text("{}")
    for path in (tmp_path, *([tmp_path / name] if not name.endswith("json") else [])):
        with pytest.raises(CheckpointError, match=r"Git LFS pointer.*git lfs pull"):
            open_checkpoint(path)


STEMS = ("net", "NET", "model", "pytorch_model", "adapter_model", "optimizer", "tokenizer", "a.b")
ENDS = (".safetensors", ".pt", ".bin", ".pth.tar", ".PTH", ".ckpt")
NAMES = st.one_of(
    st.sampled_from([name for name in HUB_NAMES if not name.endswith(".json")]),
    st.sampled_from(["config.json", "README.md", "notes.txt", "dict.pt", "vocab.bin"]),
    st.builds(str.__add__, st.sampled_from(STEMS), st.sampled_from(ENDS)),
    st.builds(
        "{}-0000{}-of-0000{}{}".format,
        st.sampled_from(STEMS[:4]),
        st.integers(1, 3),
        st.integers(1, 3),
        st.sampled_from(ENDS[:3]),
    ),
    st.from_regex(r"[a-z_.0-9-]{1,8}\.(pt|bin|safetensors|pth|th|txt)", fullmatch=True),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.sets(NAMES, max_size=7), index=st.sampled_from([None, None, *HUB_NAMES]))
def test_what_a_source_takes_for_a_model_opens_with_those_files_or_is_refused_by_both(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], index: str | None
) -> None:
    folder = tmp_path_factory.mktemp("o") / "n"
    folder.mkdir()
    put(folder, *sorted(names))
    if index and index.endswith(".index.json"):
        end = index.removesuffix(".index.json")[-4:]
        put_index(folder, index, [name for name in names if name.endswith(end)])
    found = local_models(folder)
    for ref in found.refs:
        assert ref.nbytes == size(folder, read(ref.path))
    if not found.refs:
        with pytest.raises(CheckpointError):
            open_checkpoint(folder)
    if is_repository([file.name for file in folder.iterdir()]):
        assert len(found.refs) + len(found.problems) == 1


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("vgg11_bn.tv_in1k", "vgg"),
        ("resnet50d", "resnet"),
        ("resnetv2_50x1_bit", "resnetv2"),
        ("res2net50_26w_4s", "res2net"),
        ("densenet121", "densenet"),
        ("tf_efficientnet_lite0", "efficientnet"),
        ("tf_efficientnetv2_s", "efficientnetv2"),
        ("mobilenetv3_large_100", "mobilenetv3"),
        ("regnety_032", "regnety"),
        ("vit_small_patch16_224", "vit"),
        ("swin_tiny_patch4_window7_224", "swin"),
        ("ese_vovnet39b", "vovnet"),
        ("legacy_seresnet50", "seresnet"),
        ("convnextv2_base", "convnextv2"),
    ],
)
def test_the_family_of_a_timm_architecture_is_its_name_without_size(name, family):
    assert timm_family(name) == family


def test_no_architecture_is_without_a_family():
    import timm

    assert all(timm_family(name) for name in timm.list_models())


def test_resolving_sources_imports_no_framework(tmp_path):
    import subprocess
    import sys

    put(tmp_path, "model.safetensors", "config.json")
    code = (
        "import sys, zoo_analysis.sources, zoo_analysis.digits;"
        f"assert zoo_analysis.sources.resolve_sources([{str(tmp_path)!r}]).refs;"
        "sys.exit(str([m for m in ('torch', 'timm', 'transformers', 'sklearn', 'ray',"
        " 'huggingface_hub', 'numpy', 'typer') if m in sys.modules] or '') or 0)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["flax_model.msgpack", "tf_model.h5", "model.onnx", "config.json"], "flax_model.msgpack"),
        (["tf_model.h5", "extra.h5", "model.onnx"], "tf_model.h5"),
        (["model.onnx", "model_fp16.onnx", "model_quantized.onnx"], "model.onnx"),
        (["net.onnx", "net.keras"], "net.keras"),
        (["net.pth", "model.onnx", "tf_model.h5"], "net.pth"),
        (["net.safetensors", "flax_model.msgpack"], "net.safetensors"),
    ],
)
def test_of_several_formats_one_is_chosen(tmp_path, names, chosen):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in weight_files(tmp_path)] == [chosen]


def test_a_folder_of_checkpoints_stays_one_beside_an_export():
    assert not is_repository(["best.pt", "last.pt", "model.onnx"])
    assert is_repository(["model.onnx", "model_fp16.onnx"])
