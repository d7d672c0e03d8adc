"""Malformed and hostile ONNX models are one line each, soon, and open nothing else."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.support.loopback import Hub
from tests.weights.readers.onnx.test_onnx_reader import gaussian, model
from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources.local import local_models
from zoo_analysis.sources.revision import resolve_revision
from zoo_analysis.weights import list_layers, open_checkpoint

PRODUCT = helper.make_node("MatMul", ["x", "w"], ["y"])


def refused(file: Path, message: str) -> None:
    start = time.process_time()
    with pytest.raises(CheckpointError, match=message) as caught:
        list_layers(open_checkpoint(file))
    assert time.process_time() - start < 1
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def external(location: str, file: Path, offset: object = 0, length: object = 384) -> Path:
    """A model whose weight of 8 × 12 float32 is in another file."""
    weight = TensorProto(name="w", dims=[8, 12], data_type=TensorProto.FLOAT, data_location=1)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        weight.external_data.add(key=key, value=str(value))
    return model([PRODUCT], {"w": weight}, file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder, and a secret beside it."""
    (tmp_path / "secret.bin").write_bytes(bytes(384))
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "/etc/passwd",
        "a/../../secret.bin",
        "..",
        ".",
        "",
        "a\\b",
        "a\0b",
        "x/" * 3000,
    ],
)
def test_data_outside_of_the_models_folder_is_not_opened(folder, location):
    refused(external(location, folder / "m.onnx"), "no file of its own folder|is missing")


def test_links_and_devices_are_not_followed_out_of_the_folder(folder):
    (folder / "link").symlink_to("../secret.bin")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    for location in ("link", "device", "folder", "pipe"):
        refused(external(location, folder / "m.onnx"), "no file of its own folder")


def test_a_hub_cache_links_to_data_beside_the_models_own_file(tmp_path):
    for part in ("blobs", "snapshots"):
        (tmp_path / part).mkdir()
    external("m.data", tmp_path / "blobs" / "1")
    (tmp_path / "blobs" / "2").write_bytes(gaussian(8, 12).tobytes())
    for name, blob in (("m.onnx", "1"), ("m.data", "2")):
        (tmp_path / "snapshots" / name).symlink_to(f"../blobs/{blob}")
    with open_checkpoint(tmp_path / "snapshots" / "m.onnx") as checkpoint:
        assert np.array_equal(checkpoint.read("w").numpy(), gaussian(8, 12))


@pytest.mark.parametrize(
    ("offset", "length"),
    [(1, 384), (-1, 384), (0, 380), (0, 10**12), (2**63, 384), ("x", 1), ("", "y")],
)
def test_data_that_is_not_within_its_file_is_refused(folder, offset, length):
    (folder / "m.data").write_bytes(bytes(384))
    refused(external("m.data", folder / "m.onnx", offset, length), "not within|no number")


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([10**12], "needs"),
        ([2**62, 2**62], "needs"),
        ([-1, 4], "has the shape"),
        ([-8, -12], "has the shape"),
        ([8, 13], "needs"),
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_sizes_that_the_numbers_do_not_fill_are_refused(tmp_path, dims, message, raw):
    weight = TensorProto(name="w", dims=dims, data_type=TensorProto.FLOAT)
    if raw:
        weight.raw_data = bytes(384)
    else:
        weight.float_data.extend([1.0] * 96)
    refused(model([PRODUCT], {"w": weight}, tmp_path / "m.onnx"), message)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", bytes(1000), b"\x08", b"\x3a\xff\xff\xff\xff\x0f", b"PK\x03\x04" + bytes(50)],
)
def test_noise_is_refused(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    refused(tmp_path / "m.onnx", "not an ONNX model")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.floats(0, 0.999), at=st.floats(0, 0.999), byte=st.integers(0, 255))
def test_a_damaged_model_is_refused_or_read_within_its_bounds(tmp_path, cut, at, byte):
    whole = model([PRODUCT], {"w": gaussian(8, 12)}, tmp_path / "m.onnx").read_bytes()
    for name, content in (
        ("cut", whole[: int(len(whole) * cut)]),
        ("changed", bytes([*whole[: (i := int(len(whole) * at))], byte, *whole[i + 1 :]])),
    ):
        (tmp_path / f"{name}.onnx").write_bytes(content)
        with suppress(CheckpointError), open_checkpoint(tmp_path / f"{name}.onnx") as checkpoint:
            list_layers(checkpoint)
            for tensor in checkpoint.tensors:
                checkpoint.read(tensor)


def test_graphs_nested_without_end_are_refused(tmp_path):
    inner = b""
    for _ in range(5000):  # graph ⊃ node ⊃ attribute ⊃ graph
        attribute = field(6, inner)
        inner = field(1, field(5, attribute))
        if len(inner) > 10**5:
            break
    (tmp_path / "m.onnx").write_bytes(field(7, inner))
    refused(tmp_path / "m.onnx", "nested without end")


def field(number: int, content: bytes) -> bytes:
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes([*length, size]) + content


def test_functions_that_call_each_other_end(tmp_path):
    functions = [
        helper.make_function(
            "own", name, ["a", "w"], ["b"],
            [helper.make_node(other, ["a", "w"], ["b"], domain="own")] * 2,
            [helper.make_opsetid("", 18)],
        )
        for name, other in (("F", "G"), ("G", "F"))
    ]  # fmt: skip
    node = helper.make_node("F", ["x", "w"], ["y"], domain="own")
    file = model([node], {"w": gaussian(8, 12)}, tmp_path / "m.onnx", functions=functions)
    assert list_layers(open_checkpoint(file)) == []


@pytest.mark.parametrize("name", [b"layer", b"product"])
def test_names_that_are_no_utf8_are_refused(tmp_path, name):
    node = helper.make_node("MatMul", ["x", "layer"], ["y"], "product")
    file = model([node], {"layer": gaussian(8, 12)}, tmp_path / "m.onnx")
    file.write_bytes(file.read_bytes().replace(name, b"\xff" * len(name)))
    refused(file, "no UTF-8")


def test_two_constants_of_one_name_are_refused(tmp_path):
    file = model([PRODUCT], {"w": gaussian(8, 12)}, tmp_path / "m.onnx")
    twice = onnx.load(file)
    twice.graph.initializer.append(numpy_helper.from_array(gaussian(8, 12), "w"))
    file.write_bytes(twice.SerializeToString())
    refused(file, "two tensors are called w")


def test_a_file_cut_short_after_opening_is_an_error_and_no_crash(tmp_path):
    file = model([PRODUCT], {"w": gaussian(256, 64)}, tmp_path / "m.onnx")
    checkpoint = open_checkpoint(file)
    os.truncate(file, 512)
    with pytest.raises(CheckpointError, match="truncated"):
        checkpoint.read("w")


@pytest.mark.parametrize("scale", [gaussian(5), gaussian(8, 12), gaussian(3, 1)])
def test_scales_that_do_not_fit_leave_the_matrix_without_numbers(tmp_path, scale: Any):
    constants = {"q": np.ones((8, 12), np.int8), "s": scale}
    nodes = [helper.make_node("DequantizeLinear", ["q", "s"], ["w"]), PRODUCT]
    with open_checkpoint(model(nodes, constants, tmp_path / "m.onnx")) as checkpoint:
        assert [spec.status for spec in list_layers(checkpoint)] == ["quantized"]


def test_data_beside_a_model_on_the_hub_comes_along(hub: Hub, hub_root: Path, tmp_path):
    (hub_root / "net" / "onnx").mkdir(parents=True)
    external("data/m.data", hub_root / "net" / "onnx" / "model.onnx")
    (hub_root / "net" / "onnx" / "data").mkdir()
    (hub_root / "net" / "onnx" / "data" / "m.data").write_bytes(gaussian(8, 12).tobytes())
    repo = hub.add("me/net", hub_root / "net")
    path = f"hf://me/net@{repo.main}/onnx/model.onnx"
    with open_checkpoint(path, hub.access) as checkpoint:
        assert np.array_equal(checkpoint.read("w").numpy(), gaussian(8, 12))


def test_a_model_on_the_hub_fetches_nothing_from_outside_of_its_folder(hub: Hub, hub_root: Path):
    (hub_root / "net").mkdir()
    external("../other/weights.bin", hub_root / "net" / "model.onnx")
    repo = hub.add("me/net", hub_root / "net")
    with pytest.raises(CheckpointError, match="no file of its own folder"):
        open_checkpoint(f"hf://me/net@{repo.main}/model.onnx", hub.access)


def test_the_revision_of_a_model_changes_with_the_data_beside_it(folder):
    file = external("m.data", folder / "m.onnx")
    revisions = set()
    for byte in range(2):
        (folder / "m.data").write_bytes(bytes([byte]) * 384)
        (ref,) = local_models(file).refs
        revisions.add(resolve_revision(ref).revision)
    assert len(revisions) == 2
