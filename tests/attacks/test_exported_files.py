"""Files of Keras, Flax and ONNX ask for no more time and memory than they hold."""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from tests.attacks.limits import within
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, open_checkpoint
from zoo_analysis.weights.readers.channels_last import hdf5

#: Of a model that is no attack.
KERNEL = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(10, more=600 * MIB):
        yield


def read(file: Path) -> list[tuple[int, ...]]:
    """Shapes of the layers, all tensors having been read."""
    with open_checkpoint(file) as checkpoint:
        for name in checkpoint.tensors:
            checkpoint.read(name)
        return [spec.shape for spec in list_layers(checkpoint)]


def deflated(nbytes: int) -> bytes:
    """Zeros, a thousandth of their size."""
    packer = zlib.compressobj(9)
    block = bytes(MIB)
    return b"".join(packer.compress(block) for _ in range(nbytes // MIB)) + packer.flush()


def chunked(file: Path, raw: bytes, **options: Any) -> Path:
    """A file with an honest kernel, and one whose only chunk is `raw`."""
    with h5py.File(file, "w") as made:
        made["fc/fc/kernel:0"] = KERNEL
        odd = made.create_dataset("odd/odd/kernel:0", (12, 8), "f4", **options)
        odd.id.write_direct_chunk((0, 0), raw)
    return file


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        (deflated(32 * MIB), {"compression": "gzip"}, "unfolds to more than"),
        (
            deflated(22 * MIB),
            {"compression": "gzip", "maxshape": (None, None), "chunks": (1 << 14, 1 << 15)},
            "chunks of 2147483648 bytes",
        ),
        (b"no zlib" * 9, {"compression": "gzip"}, "malformed chunk"),
        (bytes(99), {"scaleoffset": 2}, "HDF5 filter 6"),
        (bytes(99), {"compression": "szip"}, "HDF5 filter 4"),
    ],
    ids=["bomb", "chunk", "noise", "scale-offset", "szip"],
)
def test_a_chunk_of_hdf5_unfolds_to_its_numbers_and_no_more(
    raw: bytes, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    if options.get("compression") == "szip" and not h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
        pytest.skip("an HDF5 without szip")
    options = {"chunks": (12, 8), **options}
    with pytest.raises(CheckpointError, match=message):
        read(chunked(tmp_path / "net.h5", raw, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (5, 3)},
        {"compression": "lzf", "shuffle": True},
        {"maxshape": (None, None)},
    ],
)
def test_arrays_that_h5py_compresses_are_read_as_before(
    options: dict[str, Any], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "net.h5", "w") as made:
        made.create_dataset("fc/fc/kernel:0", data=KERNEL, **options)
        made.create_dataset("fc/fc/none:0", (0, 3), "f4", maxshape=(None, 3))
    with open_checkpoint(tmp_path / "net.h5") as checkpoint:
        assert (checkpoint.read("fc.kernel").numpy() == KERNEL).all()


def test_one_array_of_hdf5_under_very_many_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "_MOST_MEMBERS", 300)
    for count in (140, 160):  # h5py takes half a minute to write as many as are too many
        with h5py.File(tmp_path / f"{count}.h5", "w") as made:
            made["a"] = KERNEL
            for group in map(made.create_group, "gh"):
                for number in range(count):
                    group[str(number)] = made["a"]
    with open_checkpoint(tmp_path / "140.h5") as checkpoint:
        assert len(checkpoint.tensors) == 281
    with pytest.raises(CheckpointError, match="repeated without end"):
        read(tmp_path / "160.h5")


def test_an_archive_of_keras_has_few_members(tmp_path: Path) -> None:
    file, members = tmp_path / "net.keras", 200_000
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model.weights.h5", b"")
    whole = file.read_bytes()
    start = whole.rfind(b"PK\x01\x02")
    one = whole[start : whole.rfind(b"PK\x05\x06")]
    listed = one * members
    zip64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, members, members, len(listed), start
    )
    zip64 += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(listed), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, *[0xFFFFFFFF] * 2, 0)
    file.write_bytes(whole[:start] + listed + zip64 + end)
    with pytest.raises(CheckpointError, match="more members"):
        read(file)


@pytest.mark.parametrize("how", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_of_keras_is_compressed_as_archives_are(how: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.keras", "w", how) as archive:
        archive.writestr("model.weights.h5", bytes(9999))
    with pytest.raises(CheckpointError, match="in a way that is not read"):
        read(tmp_path / "net.keras")


def test_a_configuration_of_very_many_parts_costs_what_it_would_have_said(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as made:
        made["layers/dense/vars/0"] = KERNEL
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "w.h5", "model.weights.h5")
        archive.writestr("config.json", "[" + "[]," * 15_000_000 + "[]]")
    assert len(read(tmp_path / "net.keras")) == 1


def test_an_index_of_very_many_parts_is_refused(tmp_path: Path) -> None:
    index = '{"weight_map":{"a":[' + "[]," * 15_000_000 + "[]]}}"
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match="more than 2,000,000 parts"):
        read(tmp_path)


def extension(shape: bytes, raw: bytes = bytes(4)) -> bytes:
    inner = b"\x93" + shape + b"\xa7float32\xc4" + bytes([len(raw)]) + raw
    return b"\xc9" + struct.pack(">I", len(inner)) + b"\x01" + inner


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xdd" + struct.pack(">I", 10**7) + b"\x80" * 10**7, "more than 2,000,000 values"),
        (b"\xdd" + struct.pack(">I", 10**7) + b"\xc0" * 10**7, "more than 2,000,000 values"),
        (b"\xdd\xff\xff\xff\xff\xc0", "cut short"),
        (b"\xdf\xff\xff\xff\xff\xc0", "cut short"),
        (
            extension(b"\xdd" + struct.pack(">I", 10**5) + (b"\xcf" + b"\xff" * 8) * 10**5),
            "more than 64 axes",
        ),
    ],
    ids=["tables", "nothing", "list", "table", "axes"],
)
def test_a_file_of_flax_has_as_many_values_as_a_model(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "net.msgpack").write_bytes(b"\x81\xa1w" + content)
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "net.msgpack")


def onnx_file(file: Path, nodes: list[NodeProto], *weights: TensorProto) -> Path:
    tensors = weights or (numpy_helper.from_array(KERNEL, "w"),)
    made = helper.make_model(helper.make_graph(nodes, "g", [], [], tensors))
    file.write_bytes(made.SerializeToString())
    return file


def test_many_axes_of_onnx_are_not_multiplied(tmp_path: Path) -> None:
    odd = TensorProto(name="w", dims=[2**62] * 200_000, data_type=TensorProto.FLOAT)
    with pytest.raises(CheckpointError, match="more than 64"):
        read(onnx_file(tmp_path / "net.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], odd))


@pytest.mark.parametrize("taker", ["Gather", "MatMulInteger", "Expand", "Slice"])
def test_values_that_many_nodes_give_and_many_take_are_not_followed_for_ever(
    taker: str, tmp_path: Path
) -> None:
    after = "Cast" if taker == "MatMulInteger" else "Foo"
    taken = ["x", "w"] if taker == "MatMulInteger" else ["w", "i"]
    nodes = [helper.make_node(taker, taken, ["y"])] * 4_000
    nodes += [helper.make_node(after, ["y"], [f"z{i}"]) for i in range(4_000)]
    weight = numpy_helper.from_array(KERNEL.astype(np.int8), "w")
    file = onnx_file(tmp_path / "net.onnx", nodes, weight)
    with suppress(CheckpointError):  # too tangled
        read(file)


def test_a_branch_of_many_inputs_is_searched_once(tmp_path: Path) -> None:
    count = 8_000
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], [f"z{i}"]) for i in range(count)],
        "branch",
        [helper.make_tensor_value_info(f"input{i}", 1, None) for i in range(count)],
        [],
    )
    choice = helper.make_node("If", ["c"], ["y"], then_branch=branch)
    assert read(onnx_file(tmp_path / "net.onnx", [choice])) == [(12, 8)]


def test_long_lists_of_a_node_are_not_read_for_each_of_its_inputs(tmp_path: Path) -> None:
    node = helper.make_node("Foo", ["w"] * 20_000, ["y"], perm=list(range(100_000)))
    node.attribute.extend(AttributeProto(name=f"a{i}", type=2, i=i) for i in range(20_000))
    assert read(onnx_file(tmp_path / "net.onnx", [node])) is not None


CONSTANTS: list[Callable[[AttributeProto], None]] = [
    lambda a: a.MergeFrom(AttributeProto(name="value_float", type=1, ref_attr_name="of")),
    lambda a: a.MergeFrom(AttributeProto(name="value_ints", type=3, s=b"abc")),
    lambda a: a.MergeFrom(AttributeProto(name="value_floats", type=0)),
    lambda a: a.MergeFrom(AttributeProto(name="value_int", type=1, f=1.0)),
]


@pytest.mark.parametrize("write", CONSTANTS, ids=["reference", "text", "none", "float"])
def test_a_constant_of_another_type_is_none(
    write: Callable[[AttributeProto], None], tmp_path: Path
) -> None:
    constant = helper.make_node("Constant", [], ["c"])
    write(constant.attribute.add())
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["y"])]
    assert read(onnx_file(tmp_path / "net.onnx", nodes)) == [(12, 8)]


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("DequantizeLinear", {"axis": "text"}),
        ("Conv", {"group": "text"}),
        ("Transpose", {"perm": 1}),
        ("Squeeze", {"axes": 1}),
        ("Gemm", {"transB": [1, 2]}),
        ("MatMulNBits", {"K": "a", "N": [1], "bits": 2.0}),
        ("Einsum", {"equation": 5}),
        ("Einsum", {"equation": "a" * 10**6 + ",b->ab"}),
        ("Gather", {"axis": [0]}),
    ],
)
def test_an_attribute_of_another_type_counts_as_missing(
    operator: str, attributes: dict[str, Any], tmp_path: Path
) -> None:
    nodes = [
        helper.make_node(operator, inputs, [f"y{number}"], **attributes)
        for number, inputs in enumerate((["w", "s", "s"], ["x", "w", "s"], ["v", "s"]))
    ]
    weights = (
        numpy_helper.from_array(KERNEL, "w"),
        numpy_helper.from_array(KERNEL.astype(np.int8), "v"),
        numpy_helper.from_array(np.ones(8, np.float32), "s"),
    )
    read(onnx_file(tmp_path / "net.onnx", nodes, *weights))


def test_lambdas_and_unknown_classes_of_keras_are_names(tmp_path: Path) -> None:
    told = {"class_name": "Lambda", "module": "os", "registered_name": "system",
            "config": {"name": "dense", "function": {"code": "aW1wb3J0IG9z"}}}  # fmt: skip
    with h5py.File(tmp_path / "net.h5", "w") as made:
        made["dense/dense/kernel:0"] = KERNEL
        made.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": told})
    assert read(tmp_path / "net.h5") == [(12, 8)]
