"""Keras' files have the spectra of the same networks saved by torch."""

import os
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from tests.support.exported_networks import Text, Vision, assert_same_spectra, spectra
from zoo_analysis import analyze
from zoo_analysis.weights import list_layers, open_checkpoint

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras

ENDS = (".keras", ".h5", ".weights.h5")


def save(network: Any, file: Path) -> Path:
    network.save_weights(file) if file.name.endswith(".weights.h5") else network.save(file)
    return file


def numbers(tensor: torch.Tensor, *axes: int) -> np.ndarray:
    return tensor.detach().permute(*axes).numpy()


@pytest.fixture(scope="module")
def vision() -> tuple[Any, torch.nn.Module]:
    """A network of Keras with the weights of `Vision`."""
    torch.manual_seed(0)
    network = Vision()
    network.up = torch.nn.ConvTranspose2d(48, 20, 2)
    del network.deep
    of = keras.layers
    given = of.Input((12, 12, 3))
    x = of.BatchNormalization(name="norm")(of.Conv2D(16, 3, name="stem")(given))
    x = of.Conv2D(24, 3, groups=4, use_bias=False, name="grouped")(x)
    x = of.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = of.Conv2DTranspose(20, 2, name="up")(x)
    x = of.Conv1D(12, 3, name="narrow")(of.Reshape((-1, 20))(x))
    out = of.Dense(10, name="head")(of.GlobalAveragePooling1D()(x))
    mine = keras.Model(given, out)
    state = network.state_dict()
    kernels = {
        "stem": numbers(state["stem.weight"], 2, 3, 1, 0),
        "grouped": numbers(state["grouped.weight"], 2, 3, 1, 0),
        "depthwise": numbers(state["depthwise.weight"].reshape(24, 2, 3, 3), 2, 3, 0, 1),
        "up": numbers(state["up.weight"], 2, 3, 1, 0),
        "narrow": numbers(state["narrow.weight"], 2, 1, 0),
        "head": numbers(state["head.weight"], 1, 0),
    }
    for name, kernel in kernels.items():
        mine.get_layer(name).kernel.assign(kernel)
    return mine, network


@pytest.mark.parametrize("end", ENDS)
def test_convolutions_have_the_spectra_that_torch_saves(tmp_path, vision, end):
    mine, theirs = spectra(save(vision[0], tmp_path / f"net{end}")), spectra(vision[1])
    assert mine.keys() == theirs.keys()
    if end == ".weights.h5":  # which does not hold the number of groups
        del mine["grouped"], theirs["grouped"]
    assert_same_spectra(mine, theirs)


@pytest.mark.parametrize("end", [".keras", ".h5"])
def test_layers_come_in_the_order_of_the_network(tmp_path, vision, end):
    names = [row["layer"] for row in analyze(save(vision[0], tmp_path / f"n{end}")).to_pylist()]
    assert names == ["stem", "grouped", "depthwise", "up", "narrow", "head"]


def test_a_kernel_is_offered_as_torch_has_it(tmp_path, vision):
    mine, network = vision
    with open_checkpoint(save(mine, tmp_path / "net.keras")) as checkpoint:
        for name in ("stem", "grouped", "depthwise", "up", "narrow"):
            kernel = network.get_parameter(f"{name}.weight")
            assert torch.equal(checkpoint.read(f"{name}.kernel"), kernel)
            assert torch.equal(checkpoint.read_rows(f"{name}.kernel", 3, 7), kernel[3:7])


@pytest.mark.parametrize("end", ENDS)
def test_text_layers_have_the_spectra_that_torch_saves(tmp_path, end):
    torch.manual_seed(0)
    network, of = Text(), keras.layers
    del network.gru  # whose gates Keras has in the order of its own
    given = of.Input((7,), dtype="int32")
    x = of.Embedding(40, 24, name="words")(given)
    x = of.MultiHeadAttention(2, 12, name="attention")(x, x)
    x = of.Bidirectional(of.LSTM(16), name="lstm")(x)
    network.classifier = torch.nn.Linear(32, 5)
    mine = keras.Model(given, of.Dense(5, name="classifier")(x))
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    mine.get_layer("words").set_weights([state["words.weight"]])
    heads, zeros = (24, 2, 12), np.zeros
    kernels = [state[f"{n}.weight"].T.reshape(heads) for n in ("query", "key", "value")]
    inner = [part for kernel in kernels for part in (kernel, zeros(heads[1:]))]
    out = state["out.weight"].T.reshape(2, 12, 24)
    mine.get_layer("attention").set_weights([*inner, out, zeros(24)])
    lstm = [state[f"lstm.weight_{p}_l0{way}"].T for way in ("", "_reverse") for p in ("ih", "hh")]
    mine.get_layer("lstm").set_weights([*lstm[:2], zeros(64), *lstm[2:], zeros(64)])
    mine.get_layer("classifier").set_weights([state["classifier.weight"].T, zeros(5)])
    rows = analyze(save(mine, tmp_path / f"net{end}")).to_pylist()
    assert_same_spectra(spectra(tmp_path / f"net{end}"), spectra(network))
    roles = {row["layer"]: row["role"] for row in rows}
    assert roles["words"] == "embedding"
    assert [roles[f"attention.{name}"] for name in ("query", "key", "value")] == ["q", "k", "v"]


def test_a_separable_convolution_is_a_depthwise_and_a_pointwise_one(tmp_path):
    network = keras.Sequential(
        [keras.layers.Input((8, 8, 6)), keras.layers.SeparableConv2D(20, 3, name="cut")]
    )
    with open_checkpoint(save(network, tmp_path / "net.keras")) as checkpoint:
        specs = list_layers(checkpoint)
    assert [(spec.kind, spec.shape, spec.groups) for spec in specs] == [
        ("conv2d", (6, 1, 3, 3), 6),
        ("conv2d", (20, 6, 1, 1), 1),
    ]


@pytest.mark.parametrize("end", ENDS)
def test_what_an_optimiser_keeps_is_listed_and_is_no_layer(tmp_path, end):
    network = keras.Sequential([keras.layers.Input((12,)), keras.layers.Dense(16, name="fc")])
    network.compile("adam", "mse")
    network.fit(np.ones((4, 12)), np.ones((4, 16)), verbose=0)
    with open_checkpoint(save(network, tmp_path / f"net{end}")) as checkpoint:
        assert [spec.layer for spec in list_layers(checkpoint)] == ["fc"]
        moments = [n for n, i in checkpoint.tensors.items() if i.shape == (12, 16)]
    assert len([name for name in moments if name.startswith("optimizer.")]) == 2


def test_bfloat16_and_half_precision_are_read_as_such(tmp_path):
    for dtype in ("bfloat16", "float16"):
        layer = keras.layers.Dense(16, dtype=dtype, name="fc")
        network = keras.Sequential([keras.layers.Input((12,)), layer])
        with open_checkpoint(save(network, tmp_path / f"{dtype}.keras")) as checkpoint:
            read = checkpoint.read("fc.kernel")
        assert (read.dtype, read.shape) == (getattr(torch, dtype), (12, 16))
        assert torch.equal(read, layer.kernel.value.detach())


def test_a_compressed_archive_and_compressed_arrays_are_read(tmp_path, vision):
    plain = save(vision[0], tmp_path / "net.keras")
    with (
        zipfile.ZipFile(plain) as archive,
        zipfile.ZipFile(tmp_path / "packed.keras", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    assert spectra(tmp_path / "packed.keras") == spectra(plain)
    legacy = save(vision[0], tmp_path / "net.h5")
    with h5py.File(legacy) as source, h5py.File(tmp_path / "gz.h5", "w") as target:
        target.attrs.update(source.attrs)
        weights = target.create_group("model_weights")
        weights.attrs.update(source["model_weights"].attrs)

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                weights.create_dataset(name, data=item[...], compression="gzip", shuffle=True)

        source["model_weights"].visititems(copy)
    assert spectra(tmp_path / "gz.h5") == spectra(legacy)


def test_the_layout_of_transformers_for_tensorflow_has_names_and_roles_of_bert(tmp_path):
    """As TFBertForSequenceClassification.save_pretrained wrote it."""
    random = np.random.default_rng(0)
    top = "tf_bert_for_sequence_classification"
    layer = f"{top}/bert/encoder/layer_._0"
    shapes = {
        f"bert/{top}/bert/embeddings/word_embeddings/weight:0": (60, 24),
        f"bert/{top}/bert/embeddings/LayerNorm/gamma:0": (24,),
        f"bert/{layer}/attention/self/query/kernel:0": (24, 24),
        f"bert/{layer}/attention/self/query/bias:0": (24,),
        f"bert/{layer}/attention/output/dense/kernel:0": (24, 24),
        f"bert/{layer}/intermediate/dense/kernel:0": (24, 48),
        f"classifier/{top}/classifier/kernel:0": (24, 3),
    }
    with h5py.File(tmp_path / "tf_model.h5", "w") as file:
        file.attrs["layer_names"] = [b"bert", b"classifier"]
        for name, shape in shapes.items():
            file.create_dataset(name, data=random.standard_normal(shape, np.float32))
    rows = analyze(tmp_path).to_pylist()
    assert [(r["layer"], r["role"], r["N"], r["M"]) for r in rows] == [
        ("bert.embeddings.word_embeddings", "embedding", 60, 24),
        ("bert.encoder.layer.0.attention.self.query", "q", 24, 24),
        ("bert.encoder.layer.0.attention.output.dense", "attention", 24, 24),
        ("bert.encoder.layer.0.intermediate.dense", "mlp", 48, 24),
        ("classifier", "head", 24, 3),
    ]
