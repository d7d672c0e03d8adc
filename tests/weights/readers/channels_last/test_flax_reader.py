"""Flax' files have the spectra of the same networks saved by torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import serialization
from flax.training import train_state
from transformers import BertConfig, BertModel

from tests.support.exported_networks import Vision, assert_same_spectra, spectra
from zoo_analysis import analyze
from zoo_analysis.weights import list_layers, open_checkpoint

Tree = Mapping[str, Any]


def save(tree: Any, file: Path) -> Path:
    file.write_bytes(serialization.to_bytes(tree))
    return file


def parameters(module: nn.Module, given: tuple[int, ...]) -> Any:
    """Gaussian parameters of a module, without compiling it."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.ones(given))
    return jax.tree.map(lambda s: random.standard_normal(s.shape).astype(np.float32), shapes)


def transposed(tensor: torch.Tensor, *axes: int) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().permute(*axes).numpy())


class FlaxVision(nn.Module):
    """`Vision` as Flax has it, which has no groups for transposed convolutions."""

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        x = nn.Conv(16, (3, 3), padding="VALID", name="stem")(images)
        x = nn.BatchNorm(use_running_average=True, name="norm")(x)
        x = nn.Conv(24, (3, 3), feature_group_count=4, use_bias=False, name="grouped")(x)
        x = nn.Conv(48, (3, 3), feature_group_count=24, name="depthwise")(x)
        x = nn.ConvTranspose(20, (2, 2), name="up_transpose")(x)
        x = nn.Conv(12, (3,), name="narrow_conv")(x.reshape(x.shape[0], -1, 20))
        return nn.Dense(10, name="head")(x.mean(1))


def test_convolutions_have_the_spectra_that_torch_saves(tmp_path):
    torch.manual_seed(0)
    network = Vision()
    network.up = torch.nn.ConvTranspose2d(48, 20, 2)
    del network.deep
    tree = parameters(FlaxVision(), (1, 12, 12, 3))
    state = network.state_dict()
    kernels = {
        "stem": transposed(state["stem.weight"], 2, 3, 1, 0),
        "grouped": transposed(state["grouped.weight"], 2, 3, 1, 0),
        "depthwise": transposed(state["depthwise.weight"], 2, 3, 1, 0),
        "up_transpose": transposed(state["up.weight"], 2, 3, 0, 1),
        "narrow_conv": transposed(state["narrow.weight"], 2, 1, 0),
        "head": transposed(state["head.weight"], 1, 0),
    }
    for name, kernel in kernels.items():
        assert tree["params"][name]["kernel"].shape == kernel.shape
        tree["params"][name]["kernel"] = kernel
    mine = spectra(save(tree, tmp_path / "flax_model.msgpack"))
    theirs = spectra(network)
    # A depthwise kernel is one matrix, channels × positions.
    assert mine.pop("depthwise")[0][2] == theirs.pop("depthwise")[0][2] == 9
    assert_same_spectra(mine, theirs)


def flax_bert(state: Mapping[str, torch.Tensor]) -> Tree:
    """The tree in which transformers keeps BERT for Flax."""
    tree: dict[str, Any] = {}
    for name, tensor in state.items():
        *path, last = name.split(".")
        if path[-1].endswith("embeddings"):
            last = "embedding"
        elif last == "weight":
            last = "scale" if "LayerNorm" in name else "kernel"
        value = tensor.T if last == "kernel" else tensor
        inner = tree
        for key in path:
            inner = inner.setdefault(key, {})
        inner[last] = jnp.asarray(value.numpy())
    return tree


@pytest.mark.parametrize("with_config", [True, False])
def test_bert_has_the_layers_roles_and_spectra_that_torch_saves(tmp_path, with_config):
    config = BertConfig(
        vocab_size=60, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=32,
    )  # fmt: skip
    bert = BertModel(config)
    save(flax_bert(bert.state_dict()), tmp_path / "flax_model.msgpack")
    if with_config:
        config.save_pretrained(tmp_path)
    mine, theirs = (
        {row["layer"]: row for row in analyze(model).to_pylist()} for model in (tmp_path, bert)
    )
    assert mine.keys() == theirs.keys()
    for name, row in mine.items():
        for column in ("kind", "role", "N", "M", "log_norm", "alpha", "status"):
            assert row[column] == pytest.approx(theirs[name][column]), (name, column)
    if with_config:
        assert [*mine] == [*theirs]


class Attention(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.MultiHeadDotProductAttention(num_heads=3, qkv_features=24)(nn.LayerNorm()(x), x)


def test_kernels_with_an_axis_of_heads_are_the_matrices_of_the_projections(tmp_path):
    tree = parameters(Attention(), (1, 4, 16))
    rows = analyze(save(tree, tmp_path / "net.msgpack")).to_pylist()
    found = {row["layer"].rpartition(".")[2]: row for row in rows}
    kernels = tree["params"]["MultiHeadDotProductAttention_0"]
    for name in ("query", "key", "value", "out"):
        kernel = np.asarray(kernels[name]["kernel"])
        matrix = kernel.reshape(24, 16) if name == "out" else kernel.reshape(16, 24)
        top = np.linalg.svd(matrix, compute_uv=False)[0]
        assert found[name]["log_spectral_norm"] == pytest.approx(2 * np.log10(top), abs=1e-5)
    assert [found[n]["role"] for n in ("query", "key", "value")] == ["q", "k", "v"]


class Block(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, _: None) -> tuple[jax.Array, None]:
        return x + nn.Dense(12)(nn.LayerNorm()(x)), None


class Scanned(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        blocks = nn.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        return blocks(name="layers")(x, None)[0]


def test_scanned_layers_are_as_many_layers(tmp_path):
    tree = parameters(Scanned(), (2, 12))
    kernel = np.asarray(tree["params"]["layers"]["Dense_0"]["kernel"])
    assert kernel.shape == (3, 12, 12)
    rows = analyze(save(tree, tmp_path / "net.msgpack")).to_pylist()
    assert [row["layer"] for row in rows] == [f"layers.Dense_0[{i}]" for i in range(3)]
    for row, matrix in zip(rows, kernel, strict=True):
        assert row["log_norm"] == pytest.approx(np.log10((matrix**2).sum()), abs=1e-5)


def test_a_training_state_has_the_layers_of_its_parameters(tmp_path):
    import optax

    tree = parameters(Attention(), (1, 4, 16))
    state = train_state.TrainState.create(
        apply_fn=Attention().apply, params=tree["params"], tx=optax.adam(0.1)
    )
    whole, plain = (
        spectra(save(what, tmp_path / f"{name}.msgpack"))
        for what, name in ((state, "state"), (tree, "net"))
    )
    assert whole == plain
    with open_checkpoint(tmp_path / "state.msgpack") as checkpoint:
        assert any(name.startswith("opt_state.") for name in checkpoint.tensors)


def test_bfloat16_and_arrays_in_pieces_are_read(tmp_path, monkeypatch):
    kernel = np.random.default_rng(0).standard_normal((30, 20)).astype(np.float32)
    tree = {"a": {"kernel": jnp.asarray(kernel, jnp.bfloat16)}, "b": {"kernel": kernel}}
    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", 1000)
    file = save(tree, tmp_path / "net.msgpack")
    assert b"__msgpack_chunked_array__" in file.read_bytes()
    with open_checkpoint(file) as checkpoint:
        assert [spec.dtype for spec in list_layers(checkpoint)] == ["bfloat16", "float32"]
        assert np.array_equal(checkpoint.read("b.kernel").numpy(), kernel)
        assert np.array_equal(checkpoint.read_rows("b.kernel", 5, 9).numpy(), kernel[5:9])
        rounded = torch.from_numpy(kernel).bfloat16()
        assert torch.equal(checkpoint.read("a.kernel"), rounded)


def test_a_kernel_whose_axes_nothing_tells_is_a_row_that_says_so(tmp_path):
    file = save({"mix": {"kernel": np.ones((4, 5, 6), np.float32)}}, tmp_path / "net.msgpack")
    (row,) = analyze(file).to_pylist()
    assert (row["layer"], row["status"]) == ("mix", "not-understood")
