"""Layers of Keras' bare weights come in the order of the network, as far as the file tells it."""

import os
from pathlib import Path

import pytest

from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.layers.inventory import Inventory
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.readers.channels_last.keras_names import in_written_order

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from keras import layers


def books(model: keras.Model, file: Path) -> tuple[Inventory, list[str]]:
    """Of the weights alone, and what is remarked."""
    model.save_weights(file)
    with open_checkpoint(file) as checkpoint:
        return take_inventory(checkpoint), list(checkpoint.remarks)


def many_classes(blocks: int) -> keras.Model:
    keras.utils.clear_session()
    x = entry = layers.Input((8, 8, 3))
    for _ in range(blocks):
        x = layers.Conv2D(6, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.DepthwiseConv2D(3, padding="same")(x)
        x = layers.EinsumDense("abcd,de->abce", (8, 8, 6))(x)
    x = layers.Dense(40)(layers.Flatten()(x))
    return keras.Model(entry, layers.Dense(2, name="answer")(layers.Dense(300)(x)))


@pytest.mark.parametrize("blocks", [2, 12])
def test_layers_of_many_classes_come_as_in_the_network(tmp_path: Path, blocks: int) -> None:
    model = many_classes(blocks)
    found, remarks = books(model, tmp_path / "m.weights.h5")
    matrices = [layer.name for layer in model.layers if any(w.ndim > 1 for w in layer.weights)]
    assert [spec.layer for spec in found.layers] == matrices
    assert [spec.depth for spec in found.layers] == list(range(len(matrices)))
    assert any("guessed" in remark for remark in remarks)


def test_a_configuration_leaves_nothing_to_guess(tmp_path: Path) -> None:
    many_classes(2).save(tmp_path / "m.keras")
    with open_checkpoint(tmp_path / "m.keras") as checkpoint:
        assert not checkpoint.remarks


def test_layers_inside_of_layers_stay_in_their_place(tmp_path: Path) -> None:
    keras.utils.clear_session()
    inner = [keras.Sequential([layers.Dense(9), layers.Dense(8)]) for _ in range(11)]
    model = keras.Sequential([layers.Input((8,)), layers.Dense(8), *inner, layers.Dense(700)])
    found, _ = books(model, tmp_path / "m.weights.h5")
    names = [w.path.split("/")[-2] for w in model.weights if w.ndim > 1]
    assert [spec.layer.rpartition(".")[2] for spec in found.layers] == names


def test_places_that_contradict_the_numbers_of_a_class_go_after_them() -> None:
    """HDF5 may put a layer into a gap that was left before."""
    names = ["conv", "dense", "conv_1", "dense_1", "dense_2", "dense_10"]
    paths = [("layers", name, "vars", "0") for name in names]
    order = in_written_order(paths, [10, 20, 30, 90, 80, 15])
    expected = ["conv", "dense", "dense_1", "conv_1", "dense_2", "dense_10"]
    assert [names[i] for i in order] == expected


def test_no_kernel_of_a_recurrent_convolution_is_grouped(tmp_path: Path) -> None:
    keras.utils.clear_session()
    model = keras.Sequential([
        layers.Input((4, 8, 8, 4)),
        layers.ConvLSTM2D(4, 3, return_sequences=True),
        layers.ConvLSTM2D(6, 3),
        layers.Conv2D(5, 3),
    ])  # fmt: skip
    found, _ = books(model, tmp_path / "m.weights.h5")
    assert [(spec.kind, spec.shape, spec.groups) for spec in found.layers] == [
        ("conv2d", (16, 4, 3, 3), 1),
        ("conv2d", (16, 4, 3, 3), 1),
        ("conv2d", (24, 4, 3, 3), 1),
        ("conv2d", (24, 6, 3, 3), 1),
        ("conv2d", (5, 6, 3, 3), 1),
    ]
    assert {row.reason for row in found.left_out} == {"vector"}
