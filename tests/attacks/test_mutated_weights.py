"""Weights of which bytes were changed are read, or refused in one line: no crash, no hang."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
import torch
from flax import serialization
from onnx import helper, numpy_helper
from safetensors.torch import save

from tests.attacks.limits import within
from tests.attacks.torch_bombs import zipped
from tests.support.gguf_files import coded, gaussian, small_llama, write_gguf
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.layers.listing import take_inventory

#: Cases of each kind of file: in every run, and in an exhaustive one.
FEW, MANY = 60, 11_200
#: Bytes that mean something to a parser.
_ODD = [
    *(b"\x00", b"\xff", b"\x7f" + b"\xff" * 3, b"\xff" * 4, b"\xff" * 8, bytes(8), b"{", b"[" * 99),
    *(b"9" * 30, b"-1", b"1e9", b'"\\ud800"', b"null", b"PK\x01\x02", b"PK\x05\x06", b"q\x00h\x00"),
    *(b"R", b"b", b"\x81", b"Q", b"}", b")", b"(", b"t", b"u", b"e", b"s", b"\x85", b"\x86", b"."),
    *(b"cbuiltins\nbytearray\n", b"ctorch\nFloatTensor\n", b"\x8a\x05" + b"\xff" * 4 + b"\x00"),
]


@cache
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"a.weight": (6, 5), "a.bias": (6,), "b.weight": (4, 3, 3, 3), "c": (2, 3, 4)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@cache
def saved(zipped: bool) -> bytes:
    buffer = io.BytesIO()
    content = {"state_dict": state(), "optimizer": {"state": {0: torch.ones(3)}, "lr": 0.1}}
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def mutated(raw: bytes, random: Random, most: int = 4) -> bytes:
    """Some bytes changed, taken away, doubled, or put in."""
    content = bytearray(raw)
    for _ in range(random.randint(1, most)):
        at = random.randrange(len(content) + 1)
        match random.randrange(6):
            case 0 if content:
                content[at % len(content)] ^= 1 << random.randrange(8)
            case 1:
                content[at:at] = random.choice(_ODD)
            case 2:
                odd = random.choice(_ODD)
                content[at : at + len(odd)] = odd
            case 3:
                del content[at : at + random.randint(1, 20)]
            case 4:
                content[at:at] = content[at : at + random.randint(1, 60)]
            case _ if random.random() < 0.2:
                del content[at:]
    return bytes(content)


def _header(random: Random) -> tuple[str, bytes]:
    raw = save(state())
    (length,) = struct.unpack("<Q", raw[:8])
    header = mutated(raw[8 : 8 + length], random)
    return ".safetensors", struct.pack("<Q", len(header)) + header + raw[8 + length :]


def _archive(random: Random) -> tuple[str, bytes]:
    raw = saved(zipped=True)
    cut = raw.rfind(b"PK\x01\x02", 0, raw.find(b"PK\x01\x02") + 1)
    if random.random() < 0.5:  # its table of entries is where the sizes are
        return ".pt", raw[:cut] + mutated(raw[cut:], random)
    return ".pt", mutated(raw, random)


@cache
def _parts() -> tuple[bytes, dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(saved(zipped=True))) as archive:
        first = archive.namelist()[0].partition("/")[0]
        data = {name: archive.read(name) for name in archive.namelist() if "/data/" in name}
        pickled = archive.read(f"{first}/data.pkl")
    return pickled, {name.rpartition("/")[2]: content for name, content in data.items()}


def _pickle(random: Random) -> tuple[str, bytes]:
    pickled, data = _parts()
    return ".pt", zipped(
        mutated(pickled, random), **{f"_{name}": raw for name, raw in data.items()}
    )


def _old(random: Random) -> tuple[str, bytes]:
    raw, first = saved(zipped=False), len(pickle.dumps(0x1950A86A20F9469CFC6C, 2))
    return ".pth", raw[:first] + mutated(raw[first:], random)


@cache
def _gguf_file() -> bytes:
    with TemporaryDirectory() as folder:
        metadata = {"llama.block_count": 1, "tokenizer.ggml.tokens": ["a", "b"]}
        blocks = coded(gaussian(64, 64), "Q4_0")
        file = write_gguf(Path(folder) / "w", small_llama(1) | {"x.weight": blocks}, metadata)
        return file.read_bytes()


def _gguf(random: Random) -> tuple[str, bytes]:
    raw = _gguf_file()
    cut = raw.rfind(b"output") + 40 if random.random() < 0.7 else len(raw)  # the header
    return ".gguf", mutated(raw[:cut], random) + raw[cut:]


@cache
def _msgpack_file() -> bytes:
    arrays = {name: tensor.numpy() for name, tensor in state().items()}
    return bytes(serialization.to_bytes({"params": arrays, "step": 5}))


def _msgpack(random: Random) -> tuple[str, bytes]:
    return ".msgpack", mutated(_msgpack_file(), random)


@cache
def _hdf5_file() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = [b"conv", b"fc"]
        file.attrs["model_config"] = json.dumps(_KERAS)
        for name, kernel in (("conv", (3, 3, 2, 4)), ("fc", (5, 6))):
            file.create_group(name).attrs["weight_names"] = [f"{name}/kernel:0".encode()]
            file[f"{name}/{name}/kernel:0"] = np.ones(kernel, np.float32)
        file.create_dataset("packed", data=gaussian(32, 32), compression="gzip")
    return buffer.getvalue()


def _hdf5(random: Random) -> tuple[str, bytes]:
    return ".h5", mutated(_hdf5_file(), random)


def _keras(random: Random) -> tuple[str, bytes]:
    buffer, inner = io.BytesIO(), random.random() < 0.6
    with zipfile.ZipFile(buffer, "w") as archive:
        config, weights = json.dumps(_KERAS).encode(), _hdf5_file()
        if inner and random.random() < 0.5:
            config = mutated(config, random)
        elif inner:
            weights = mutated(weights, random)
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights)
    return ".keras", buffer.getvalue() if inner else mutated(buffer.getvalue(), random)


#: As Keras writes it, so far as it is read.
_KERAS = {
    "class_name": "Sequential",
    "config": {
        "layers": [
            {"class_name": "Conv2D", "config": {"name": "conv", "filters": 4}},
            {"class_name": "Dense", "config": {"name": "fc", "units": 6}},
        ]
    },
}


@cache
def _onnx_file() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], group=1),
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        helper.make_node("Gemm", ["a", "t", "b"], ["c"], transB=1),
        helper.make_node("MatMul", ["c", "v"], ["y"]),
    ]
    arrays = {"k": (4, 2, 3, 3), "w": (6, 5), "b": (5,), "v": (5, 7)}
    tensors = [numpy_helper.from_array(gaussian(*shape), name) for name, shape in arrays.items()]
    x, y = (helper.make_tensor_value_info(name, 1, None) for name in "xy")
    made = helper.make_model(helper.make_graph(nodes, "g", [x], [y], tensors))
    return bytes(made.SerializeToString())


def _onnx(random: Random) -> tuple[str, bytes]:
    return ".onnx", mutated(_onnx_file(), random)


KINDS: dict[str, Callable[[Random], tuple[str, bytes]]] = {
    "safetensors header": _header,
    "zip archive": _archive,
    "pickle": _pickle,
    "old torch file": _old,
    "gguf": _gguf,
    "msgpack": _msgpack,
    "hdf5": _hdf5,
    "keras": _keras,
    "onnx": _onnx,
}


def attempts(kind: str, cases: int, folder: Path, first: int = 0) -> int:
    """How many of so many mutated files were read; the others were refused."""
    read = 0
    for number in range(first, first + cases):
        suffix, content = KINDS[kind](Random(f"{kind} {number}"))
        file = folder / f"w{suffix}"
        file.write_bytes(content)
        try:
            with within(5), open_checkpoint(file) as checkpoint:
                take_inventory(checkpoint, {})
                for name in checkpoint.tensors:
                    checkpoint.read(name)
            read += 1
        except CheckpointError as error:
            if "\n" in str(error) or len(str(error)) > 2000:
                pytest.fail(f"{kind} {number}: {error}")
        except BaseException as error:
            pytest.fail(f"{kind} {number}: {type(error).__name__}: {error}")
    return read


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_weights_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    assert 0 < attempts(kind, FEW, tmp_path) < FEW


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_of_them_are(kind: str, tmp_path: Path) -> None:
    assert attempts(kind, MANY, tmp_path, FEW) < MANY
