"""A LoRA pair's core has the singular values of the update, which is never formed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.support.routes import layers_by
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import LayerSpec, kernel_dims, list_layers, load_kernel, open_checkpoint
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

LAYER = "base_model.model.model.layers.0.self_attn.q_proj"


def adapter(
    folder: Path, b: torch.Tensor, a: torch.Tensor, config: dict[str, Any] | None, end: str = ""
) -> tuple[torch.Tensor, LayerSpec]:
    state = {f"{LAYER}.lora_A{end}.weight": a, f"{LAYER}.lora_B{end}.weight": b}
    save_file(state, folder / "adapter_model.safetensors")
    if config is not None:
        (folder / "adapter_config.json").write_text(json.dumps(config))
    checkpoint = open_checkpoint(folder)
    (spec,) = list_layers(checkpoint)
    return load_kernel(checkpoint, spec), spec


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    out=st.integers(1, 24),
    into=st.integers(1, 24),
    rank=st.integers(1, 12),
    alpha=st.floats(0.1, 64),
    seed=st.integers(0, 99),
)
def test_the_core_has_the_spectrum_of_the_update(
    tmp_path: Path, out: int, into: int, rank: int, alpha: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    b, a = (torch.randn(s, generator=generator) for s in ((out, rank), (rank, into)))
    core, spec = adapter(tmp_path, b, a, {"lora_alpha": alpha, "r": rank})
    assert (spec.kind, spec.shape, spec.rank) == ("lora", (out, into), rank)
    assert spec.layer == "model.layers.0.self_attn.q_proj"
    assert tuple(core.shape) == kernel_dims(spec)[:3]
    assert core.dtype == torch.float64
    update = (b.double() @ a.double()) * alpha / rank
    kept = min(out, into, rank)
    theirs = torch.linalg.svdvals(update)[:kept]
    ours = torch.linalg.svdvals(core[0])[:kept]
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9 * float(theirs[0]))


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        (None, 1.0),
        ({"lora_alpha": 16, "r": 4}, 4.0),
        ({"lora_alpha": 16, "r": 4, "use_rslora": True}, 8.0),
        ({"lora_alpha": 16, "r": 4, "alpha_pattern": {"q_proj": 8}}, 2.0),
        ({"lora_alpha": 16, "r": 4, "alpha_pattern": {"k_proj": 8}}, 4.0),
    ],
)
def test_the_scale_is_that_of_peft(
    tmp_path: Path, config: dict[str, Any] | None, scale: float
) -> None:
    _, spec = adapter(tmp_path, torch.ones(6, 4), torch.ones(4, 5), config)
    assert math.isclose(spec.scale, scale)


def test_a_named_adapter_is_found(tmp_path: Path) -> None:
    core, spec = adapter(tmp_path, torch.randn(6, 2), torch.randn(2, 5), None, ".style")
    assert core.shape == (1, 2, 2)
    assert spec.layer == "model.layers.0.self_attn.q_proj.style"


def test_embedding_and_convolution_adapters_are_pairs(tmp_path: Path) -> None:
    state = {
        "m.wte.lora_embedding_A": torch.randn(3, 50),
        "m.wte.lora_embedding_B": torch.randn(8, 3),
        "m.conv.lora_A.weight": torch.randn(2, 4, 3, 3),
        "m.conv.lora_B.weight": torch.randn(6, 2, 1, 1),
    }
    save_file(state, tmp_path / "adapter_model.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    specs = {spec.layer: spec for spec in list_layers(checkpoint)}
    assert specs["m.wte"].shape == (8, 50)
    assert specs["m.conv"].shape == (6, 36)
    update = torch.einsum("or,rihw->oihw", state["m.conv.lora_B.weight"][..., 0, 0],
                          state["m.conv.lora_A.weight"]).flatten(1)  # fmt: skip
    ours = torch.linalg.svdvals(load_kernel(checkpoint, specs["m.conv"])[0])
    torch.testing.assert_close(ours.float(), torch.linalg.svdvals(update)[:2])


def test_kohya_stores_alpha_as_a_tensor(tmp_path: Path) -> None:
    b, a = torch.randn(6, 2), torch.randn(2, 5)
    state = {"te.lora_down.weight": a, "te.lora_up.weight": b, "te.alpha": torch.tensor(1.0)}
    save_file(state, tmp_path / "style.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    (spec,) = list_layers(checkpoint)
    ours = torch.linalg.svdvals(load_kernel(checkpoint, spec)[0])
    torch.testing.assert_close(ours.float(), torch.linalg.svdvals(b @ a / 2)[:2])


def test_nan_in_an_adapter_reaches_the_caller(tmp_path: Path) -> None:
    core, _ = adapter(tmp_path, torch.full((6, 2), math.nan), torch.randn(2, 5), None)
    assert core.isnan().any()


def test_an_integer_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not floating"):
        adapter(tmp_path, torch.ones(6, 2, dtype=torch.int8), torch.randn(2, 5), None)


@pytest.mark.parametrize(
    ("pattern", "layer", "scale"),
    [
        ("q_proj|v_proj", "model.layers.0.self_attn.q_proj", 4.0),
        ("q_proj|v_proj", "model.layers.0.self_attn.v_proj", 4.0),
        ("proj", "model.layers.0.self_attn.q_proj", 1.0),
        (r".*\.0\..*", "model.layers.0.self_attn.k_proj", 4.0),
    ],
)
def test_an_alternative_in_a_pattern_is_one_of_the_whole_name(
    pattern: str, layer: str, scale: float
) -> None:
    state = {
        f"base_model.model.{layer}.lora_A.weight": torch.ones(16, 20),
        f"base_model.model.{layer}.lora_B.weight": torch.ones(30, 16),
    }
    adapter = {"r": 16, "lora_alpha": 16, "alpha_pattern": {pattern: 64}}
    (spec,) = layers_by(None, MemoryCheckpoint(state), {}, adapter=adapter)
    assert spec.scale == scale


def test_what_lies_beside_the_pairs_is_measured_too() -> None:
    """An unmerged checkpoint: bases, updates, what has none, and a head trained in full."""
    prefix = "base_model.model."
    states = {
        "q_proj.base_layer.weight": torch.randn(8, 8),
        "q_proj.lora_A.default.weight": torch.randn(2, 8),
        "q_proj.lora_B.default.weight": torch.randn(8, 2),
        "up_proj.weight": torch.randn(16, 8),
        "score.original_module.weight": torch.randn(4, 8),
        "score.modules_to_save.default.weight": torch.randn(4, 8),
    }
    checkpoint = MemoryCheckpoint({prefix + name: tensor for name, tensor in states.items()})
    specs = list_layers(checkpoint, config={})
    assert [(spec.layer, spec.kind, spec.role, spec.depth) for spec in specs] == [
        ("q_proj.base_layer", "linear", "q", 0),
        ("q_proj", "lora", "other", 1),
        ("up_proj", "linear", "mlp", 2),
        ("score", "linear", "head", 3),
    ]
    score = load_kernel(checkpoint, specs[-1])[0]
    assert score.equal(states["score.modules_to_save.default.weight"])


@pytest.mark.parametrize("name", ["lora_A.weight", "hada_w1_a", "lokr_w1", "oft_R.weight"])
def test_a_factor_of_an_update_is_a_row_without_numbers(name: str) -> None:
    state = {f"m.{name}": torch.randn(4, 8), "head.weight": torch.randn(3, 8)}
    specs = list_layers(MemoryCheckpoint(state), config={})
    assert [spec.status for spec in specs] == ["not-understood", None]


@pytest.mark.parametrize("prefix", ["lora_unet_down_blocks_0", "lora_te1_text_model", "lycoris_a"])
def test_alpha_of_kohyas_modules_scales_the_update(prefix: str) -> None:
    up, down = torch.randn(32, 4), torch.randn(4, 24)
    state = {f"{prefix}.lora_up.weight": up, f"{prefix}.lora_down.weight": down}
    state[f"{prefix}.alpha"] = torch.tensor(2.0)
    table = analyze(state)
    norm = float(torch.log10((0.5 * up @ down).double().square().sum()))
    assert table["log_norm"].to_pylist() == [pytest.approx(norm, abs=1e-6)]


@pytest.mark.parametrize(
    ("pair", "layer"),
    [
        ("double_blocks.0.processor.proj_lora1.{}.weight", "double_blocks.0.processor.proj_lora1"),
        ("double_blocks.0.processor.qkv_lora2.{}.weight", "double_blocks.0.processor.qkv_lora2"),
        ("te.layers.0.fc1.lora_linear_layer.{}.weight", "te.layers.0.fc1"),
    ],
)
def test_pairs_of_xlabs_and_of_older_diffusers_are_updates(pair: str, layer: str) -> None:
    up, down = torch.randn(32, 12), torch.randn(12, 24)
    table = analyze({pair.format("up"): up, pair.format("down"): down})
    norm = float(torch.log10((up @ down).double().square().sum()))
    assert table["layer"].to_pylist() == [layer]
    assert table["log_norm"].to_pylist() == [pytest.approx(norm, abs=1e-6)]


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_the_factors_of_lycoris_glora_are_one_update(kernel: tuple[int, ...]) -> None:
    """As lycoris-lora 4.1 names and shapes them: W + W·a + b, of which the file has no W."""
    ones = (1,) * len(kernel)
    shapes = {"a1": (32, 4, *ones), "a2": (4, 32, *ones), "b1": (48, 4, *ones),
              "b2": (4, 32, *kernel)}  # fmt: skip
    state = {f"lycoris_0.{part}.weight": torch.randn(shape) for part, shape in shapes.items()}
    state["lycoris_0.alpha"] = torch.tensor(2.0)
    found = take_inventory(MemoryCheckpoint(state), config={})
    (spec,) = found.layers
    assert (spec.layer, spec.status) == ("lycoris_0.glora", "not-understood")
    assert set(spec.tensors) == set(state)
    assert (found.measured, found.coverage) == (0, 0.0)
    del state["lycoris_0.a2.weight"]  # names as of any network
    assert "lycoris_0.b1" in {s.layer for s in list_layers(MemoryCheckpoint(state), config={})}


@pytest.mark.parametrize("shape", [(48, 40), (40, 48), (24, 16, 3, 3), (24, 16, 1, 1), (24, 1, 9)])
def test_a_full_update_of_lycoris_is_measured_as_it_is_stored(shape: tuple[int, ...]) -> None:
    """As lycoris-lora 4.1 names and shapes it: the difference itself, as the module's weight."""
    diff = torch.randn(shape)
    state = {"lycoris_0.diff": diff, "lycoris_0.diff_b": torch.randn(shape[0])}
    state["lycoris_0.alpha"] = torch.tensor(8.0)  # LyCORIS does not apply it
    found = take_inventory(MemoryCheckpoint(state), config={})
    (spec,) = found.layers
    flat = diff.flatten(1).double()
    assert (spec.layer, spec.kind, spec.shape) == ("lycoris_0", "full", tuple(flat.shape))
    assert found.coverage == 1.0
    assert {row.reason for row in found.left_out} == {"vector"}
    ours = torch.linalg.svdvals(load_kernel(MemoryCheckpoint(state), spec)[0])
    torch.testing.assert_close(ours, torch.linalg.svdvals(flat))


@pytest.mark.parametrize("shape", [(48,), (1, 6, 48), (48, 1)])
def test_full_updates_of_vectors_are_no_matrices(shape: tuple[int, ...]) -> None:
    """Of norms and modulations, as in files of Wan and HunyuanVideo."""
    state = {"blocks.0.modulation.diff": torch.randn(shape), "fc.diff": torch.randn(40, 30)}
    measured = [row["layer"] for row in analyze(state).to_pylist() if row["alpha"] is not None]
    assert measured in ([], ["fc"])
    kinds = {spec.kind: spec.status for spec in list_layers(MemoryCheckpoint(state), config={})}
    assert kinds["full"] is None
    assert set(kinds) <= {"full", "adapter"}
    assert kinds.get("adapter", "not-understood") == "not-understood"


@pytest.mark.parametrize("shape", [(48,), (1, 48), (1, 48, 1, 1)])
def test_the_factors_of_lycoris_ia3_are_vectors(shape: tuple[int, ...]) -> None:
    state = {"lycoris_0.weight": torch.randn(shape), "lycoris_0.on_input": torch.tensor(0)}
    found = take_inventory(MemoryCheckpoint(state), config={})
    assert not found.layers
    assert [(row.elements, row.reason) for row in found.left_out] == [(48, "vector")]
