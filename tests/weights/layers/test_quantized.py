"""Every matrix that is coded has a row: decoded, or with the status that says that it is not."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.quantised import save, weight_of
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

M = "model.layers.0.mlp.down_proj"


def integers(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
    return torch.randint(0, 100, shape, dtype=dtype)


#: Layouts that are not decoded, as their packages write them: the method that a configuration
#: names, and the tensors of one matrix.
UNDECODED = {
    "aqlm": {
        f"{M}.codes": integers(16, 8, 1, dtype=torch.int8),
        f"{M}.codebooks": torch.randn(1, 256, 1, 8),
        f"{M}.scales": torch.ones(16, 1, 1, 1),
    },
    "quip#": {
        f"{M}.Qidxs": integers(16, 8, dtype=torch.int64),
        f"{M}.SU": torch.ones(64),
        f"{M}.SV": torch.ones(16),
        f"{M}.Wscale": torch.ones(()),
    },
    "vptq": {
        f"{M}.indices": integers(1, 8, 16),
        f"{M}.centroids.weight": torch.randn(1, 256 * 8),
        f"{M}.res_centroids.weight": torch.randn(1, 256 * 8),
        f"{M}.weight_scale": torch.ones(64),
        f"{M}.weight_bias": torch.ones(64),
        f"{M}.perm": integers(64, dtype=torch.int16),
    },
    "hqq": {
        f"{M}.W_q": integers(16, 64, dtype=torch.uint8),
        f"{M}.scale": torch.ones(64, 1),
        f"{M}.zero": torch.ones(64, 1),
        f"{M}.nbits": torch.tensor(4),
        f"{M}.shape": torch.tensor([32, 64]),
    },
    "marlin": {
        f"{M}.B": integers(4, 128),
        f"{M}.s": torch.ones(1, 64),
        f"{M}.workspace": integers(64),
    },
    "bitnet": {
        f"{M}.weight": integers(16, 64, dtype=torch.uint8),
        f"{M}.weight_scale": torch.ones(1),
    },
    "quanto": {
        f"{M}.weight._data._data": integers(32, 16, dtype=torch.uint8),
        f"{M}.weight._scale": torch.ones(16, 1),
        f"{M}.weight._shift": torch.ones(16, 1),
        f"{M}.input_scale": torch.ones(()),
    },
    "torchao": {
        f"{M}._weight_qdata": integers(8, 2, 32),
        f"{M}._weight_scale_and_zero": torch.ones(2, 16, 2),
    },
    "spqr": {
        f"{M}.dense_weights": integers(32, 32, dtype=torch.int64),
        f"{M}.row_offsets": integers(33),
        f"{M}.col_vals": integers(50),
        f"{M}.buff": torch.ones(0),
    },
    "own": {f"{M}.table": integers(16, 16, dtype=torch.int16)},
}


@pytest.mark.parametrize("method", UNDECODED)
def test_a_matrix_of_an_unknown_layout_is_one_layer_with_a_status(
    tmp_path: Path, method: str
) -> None:
    bias, head = {f"{M}.bias": torch.randn(16)}, {"lm_head.weight": torch.randn(5, 4)}
    state = {**head, **UNDECODED[method], **bias}
    checkpoint = save(tmp_path, state, {"quant_method": method})
    coded, plain = list_layers(checkpoint)
    assert (coded.layer, coded.status, coded.precision) == (M, "quantized", method)
    assert (coded.role, coded.kind) == ("mlp", "linear")
    assert (plain.layer, plain.status) == ("lm_head", None)
    assert set(coded.tensors) == set(UNDECODED[method])
    with pytest.raises(CheckpointError, match="quantized"):
        load_kernel(checkpoint, coded)


@pytest.mark.parametrize("method", sorted(set(UNDECODED) - {"own", "spqr"}))
def test_names_and_types_tell_codes_where_no_configuration_does(
    tmp_path: Path, method: str
) -> None:
    (layer,) = list_layers(save(tmp_path, UNDECODED[method], None))
    assert (layer.layer, layer.status) == (M, "quantized")


def test_tables_of_places_and_masks_are_no_weights(tmp_path: Path) -> None:
    state = {
        "fc.weight": torch.randn(12, 9),
        "embeddings.position_ids": integers(1, 512, dtype=torch.int64),
        "embeddings.token_type_ids": integers(1, 512, dtype=torch.int64),
        "attn.relative_position_index": integers(49, 49),
        "attn.logit_scale": torch.ones(4, 1, 1),
        "h.0.attn.bias": integers(1, 1, 64, 64, dtype=torch.uint8),
        "h.0.attn.masked_bias": torch.tensor(-1e4),
        "gate.weight": torch.randn(8, 12),
        "gate.tid2eid": integers(100, 6),
        "bn.num_batches_tracked": torch.tensor(3),
        "scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn),
    }
    for name, quantization in (("plain", None), ("quantised", {"quant_method": "gptq"})):
        layers = list_layers(save(tmp_path / name, state, quantization))
        assert {spec.layer for spec in layers} == {"fc", "gate"}


def test_a_configuration_that_says_nothing_is_not_contradicted(tmp_path: Path) -> None:
    codes = integers(16, 64, dtype=torch.int8)
    state = {f"{M}.weight": codes, f"{M}.SCB": torch.rand(16) + 1}
    assert weight_of(save(tmp_path / "bare", state, None)).shape == (16, 64)
    (tmp_path / "silent").mkdir()
    (tmp_path / "silent" / "config.json").write_text("{}")
    (layer,) = list_layers(save(tmp_path / "silent", state, None))
    assert (layer.layer, layer.status, set(layer.tensors)) == (M, "quantized", set(state))


@pytest.mark.parametrize("file", ["quantize_config.json", "quant_config.json"])
def test_the_quantisation_may_be_said_in_a_file_of_its_own(tmp_path: Path, file: str) -> None:
    zeros = torch.full((1, 8), 0x77777777, dtype=torch.int32)
    scales = torch.ones(1, 64, dtype=torch.float16)
    state = {f"{M}.qweight": integers(8, 64), f"{M}.qzeros": zeros, f"{M}.scales": scales}
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "none"}')
    (tmp_path / file).write_text(json.dumps({"bits": 4, "group_size": 64, "desc_act": False}))
    (layer,) = list_layers(open_checkpoint(tmp_path))
    assert (layer.layer, layer.precision, layer.status) == (M, "gptq-4bit", None)


def test_the_language_model_of_several_may_say_it(tmp_path: Path) -> None:
    codes, scales = torch.randn(64, 64).to(torch.float8_e4m3fn), torch.rand(3, 3)
    name = "language_model.model.layers.0.mlp.down_proj.weight"
    checkpoint = save(tmp_path, {name: codes, f"{name}_scale_inv": scales}, None)
    said = {"text_config": {"quantization_config": {"weight_block_size": [30, 30]}}}
    (spec,) = list_layers(checkpoint, said)
    grid = scales.repeat_interleave(30, 0).repeat_interleave(30, 1)[:64, :64]
    assert load_kernel(checkpoint, spec)[0].equal(codes.float() * grid)


def test_codes_beside_a_weight_of_their_name_have_a_row_of_their_own(tmp_path: Path) -> None:
    state = {f"{M}.weight": torch.randn(16, 64), f"{M}.weight_packed": integers(16, 8)}
    state |= {f"{M}.weight_scale": torch.ones(16, 1), f"{M}.weight_shape": torch.tensor([16, 64])}
    layers = {spec.layer: spec for spec in list_layers(save(tmp_path, state, None))}
    assert layers[M].precision == "float32"
    assert layers[M].tensors == (f"{M}.weight",)
    assert layers[f"{M}.weight_packed"].precision == "pack-quantized-4bit"


@pytest.mark.parametrize("name", ["scale_weight", "weight_scale", "weight_scale_inv", "scale"])
def test_scales_are_found_beside_the_weight(tmp_path: Path, name: str) -> None:
    weight = torch.randn(64, 48) * 0.02
    scale = weight.abs().max() / 448
    state = {
        "fc.weight": (weight / scale).to(torch.float8_e4m3fn),
        f"fc.{name}": scale.reshape(1),
        "fc.input_scale": torch.ones(1),
    }
    checkpoint = save(tmp_path, state, None)
    (spec,) = list_layers(checkpoint, config={})
    assert spec.tensors == ("fc.weight", f"fc.{name}", "fc.input_scale")
    assert load_kernel(checkpoint, spec)[0].equal(state["fc.weight"].float() * scale)


def test_pickles_hold_the_same_weights(tmp_path: Path) -> None:
    state = {f"{M}.weight": integers(16, 64, dtype=torch.int8), f"{M}.SCB": torch.rand(16) + 1}
    torch.save(state, tmp_path / "model.pt")
    with open_checkpoint(tmp_path / "model.pt") as checkpoint:
        decoded = weight_of(checkpoint)
    assert decoded.equal(weight_of(save(tmp_path / "folder", state, None)))


def test_a_coded_weight_with_an_adapter_beside_it_is_the_base_layer(tmp_path: Path) -> None:
    base = f"base_model.model.{M}.base_layer"
    state = {f"{base}.weight": integers(16, 64, dtype=torch.int8), f"{base}.SCB": torch.ones(16)}
    state |= {
        f"base_model.model.{M}.lora_A.default.weight": torch.randn(4, 64),
        f"base_model.model.{M}.lora_B.default.weight": torch.randn(16, 4),
    }
    layers = list_layers(save(tmp_path, state, None))
    assert {(spec.layer, spec.precision) for spec in layers} == {
        (f"{M}.base_layer", "llm-int8"),
        (M, "float32"),
    }


def test_a_reparametrised_weight_that_is_coded_is_not_put_together(tmp_path: Path) -> None:
    state = {
        "conv.weight_v": torch.randn(8, 4).to(torch.float8_e4m3fn),
        "conv.weight_v_scale": torch.ones(1),
        "conv.weight_g": torch.ones(8, 1),
    }
    (layer,) = list_layers(save(tmp_path, state, None))
    assert (layer.layer, layer.status) == ("conv", "quantized")
