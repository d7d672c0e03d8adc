"""A zoo in which every second model is an attack."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

from tests.attacks import torch_bombs
from tests.attacks.test_configurations import HUGE, REACHING

Attack = Callable[[Path], object]


def good(folder: Path, number: int) -> None:
    """A small model in one of the layouts that models have."""
    generator = torch.Generator().manual_seed(number)
    state = {
        f"blocks.{i}.fc.weight": torch.randn(24 + i, 20 + number % 3, generator=generator)
        for i in range(2)
    }
    folder.mkdir(parents=True)
    match number % 4:
        case 0:
            save_file(state, folder / "model.safetensors")
        case 1:
            torch.save({"state_dict": state}, folder / "pytorch_model.bin")
        case 2:
            torch.save(state, folder / "last.ckpt", _use_new_zipfile_serialization=False)
        case _:
            names = [f"model-{i + 1:05}-of-00002.safetensors" for i in range(2)]
            for name, (key, tensor) in zip(names, state.items(), strict=True):
                save_file({key: tensor}, folder / name)
            index = {"weight_map": dict(zip(state, names, strict=True))}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    if number % 2:
        (folder / "README.md").write_text("---\nlicense: mit\n---\n")


def _weights(folder: Path) -> None:
    save_file({"fc.weight": torch.randn(20, 30)}, folder / "model.safetensors")


def _config(config: object) -> Attack:
    def write(folder: Path) -> None:
        _weights(folder)
        (folder / "config.json").write_text(json.dumps(config))

    return write


def _card(content: bytes) -> Attack:
    def write(folder: Path) -> None:
        _weights(folder)
        (folder / "README.md").write_bytes(content)

    return write


def _link(name: str, to: str) -> Attack:
    def write(folder: Path) -> None:
        if not name.startswith("model"):
            _weights(folder)
        (folder / name).symlink_to(to)
        (folder / "config.json").touch()

    return write


def _fifo(name: str) -> Attack:
    def write(folder: Path) -> None:
        if not name.startswith("model"):
            _weights(folder)
        os.mkfifo(folder / name)

    return write


def _pickle(name: str) -> Attack:
    content = torch_bombs.zipped(torch_bombs.pickled(torch_bombs.PICKLES[name][0]), _0=bytes(16))
    return lambda folder: (folder / "pytorch_model.bin").write_bytes(content)


def _archive(name: str) -> Attack:
    return lambda folder: torch_bombs.ARCHIVES[name][0](folder / "pytorch_model.bin")


def _bytes(name: str, content: bytes) -> Attack:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)
        (folder / "config.json").write_text("{}")

    return write


def _index(shard: object) -> Attack:
    def write(folder: Path) -> None:
        _weights(folder)
        (folder / "model.safetensors").rename(folder / "a.safetensors")
        index = json.dumps({"weight_map": {"fc.weight": shard}})
        (folder / "model.safetensors.index.json").write_text(index)

    return write


def _part_outside(folder: Path) -> None:
    """A model with a folder of its user's own, as if it were a part."""
    _weights(folder)
    (own := folder.parents[2] / "own").mkdir(exist_ok=True)
    _weights(own)
    (folder / "part").symlink_to(own)


def _hdf5(folder: Path) -> None:
    (folder.parents[2] / "secret").write_bytes(bytes(4000))
    (folder / "config.json").write_text("{}")
    with h5py.File(folder / "net.h5", "w") as file:
        outside = [(os.fsencode(folder.parents[2] / "secret"), 0, 4000)]
        file.create_dataset("fc/kernel", (20, 50), "f4", external=outside)


def _onnx(folder: Path) -> None:
    weight = TensorProto(name="w", dims=[10, 100], data_type=1, data_location=1)
    for key, value in (("location", "../../../secret"), ("offset", "0"), ("length", "4000")):
        weight.external_data.add(key=key, value=value)
    (folder.parents[2] / "secret").write_bytes(bytes(4000))
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    x, y = (helper.make_tensor_value_info(name, 1, None) for name in "xy")
    made = helper.make_model(helper.make_graph([node], "g", [x], [y], [weight]))
    _bytes("net.onnx", made.SerializeToString())(folder)


def _header(header: object, data: bytes = b"", length: int | None = None) -> Attack:
    def write(folder: Path) -> None:
        raw = header if isinstance(header, bytes) else json.dumps(header).encode()
        start = struct.pack("<Q", len(raw) if length is None else length)
        (folder / "model.safetensors").write_bytes(start + raw + data)

    return write


def _entry(shape: list[int], stop: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, stop]}


def _tensors(**state: torch.Tensor) -> Attack:
    return lambda folder: save_file(
        {name.replace("__", "."): tensor for name, tensor in state.items()},
        folder / "model.safetensors",
    )


#: What writes an attack into a folder, by its name.
ATTACKS: dict[str, Attack] = {
    "fifo-weights": _fifo("model.safetensors"),
    "fifo-config": _fifo("config.json"),
    "fifo-card": _fifo("README.md"),
    "device-card": _link("README.md", "/dev/zero"),
    "device-weights": _link("model.safetensors", "/dev/zero"),
    "link-out": _link("README.md", "/etc/passwd"),
    "link-in-a-circle": _link("model.safetensors", "model.safetensors"),
    "expanded": lambda folder: torch_bombs.expanded(folder / "pytorch_model.bin"),
    "expanded-experts": lambda folder: torch_bombs.expanded_experts(folder / "pytorch_model.bin"),
    "views": lambda folder: torch_bombs.many_views(folder / "pytorch_model.bin"),
    "bytearray": _pickle("bytearray"),
    "paths": _pickle("key of many paths"),
    "system": _pickle("system"),
    "deflated": _archive("deflated pickle"),
    "terabyte": _archive("old storage of a terabyte"),
    "layers": _config(HUGE[0]),
    "experts": _config(HUGE[6]),
    "checkpoint-path": _config(REACHING[0]),
    "hub": _config(REACHING[5]),
    "deep-config": lambda folder: (
        _weights(folder),
        (folder / "config.json").write_text("[" * 10**5),
    ),
    "aliases": _card(
        b"---\na0: &a0 [x]\n"
        + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (i + 1, i + 1, i, i) for i in range(40))
        + b"license: *a40\n---\n"
    ),
    "surrogate": _card(b'---\nlicense: "\\ud800"\n---\n'),
    "truncated": lambda folder: (
        _weights(folder),
        os.truncate(folder / "model.safetensors", 900),
    ),
    "pointer": lambda folder: (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    ),
    "long-header": _header({}, length=2**63),
    "many-axes": _header({"w": _entry([1] * 10**5, 4)}, bytes(4)),
    "huge-shape": _header({"w": _entry([2**62, 0], 0)}),
    "long-name": _header({"a" * 60_000: _entry([1], 4)}, bytes(4)),
    "surrogate-name": _header({"\ud800": _entry([1], 4)}, bytes(4)),
    "odd-name": _tensors(**{"layers.²__\x1b[2J__weight": torch.randn(9, 8)}),
    "unknown-type": _header({"w": _entry([1], 4, "F33")}, bytes(4)),
    "no-numbers": _tensors(fc__weight=torch.full((20, 30), float("nan"))),
    "integers": _tensors(fc__weight=torch.ones(20, 30, dtype=torch.int32)),
    "many-parts": _header(b"{" * 10**6),
    "gguf-counts": _bytes("net.gguf", b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62) + bytes(64)),
    "msgpack-claims": _bytes("net.msgpack", b"\x81\xa1w\xc9" + b"\xff" * 4 + b"\x01" + bytes(9)),
    "msgpack-depth": _bytes("net.msgpack", b"\x81\xa1w" * 10**5 + b"\xc0"),
    "hdf5-outside": _hdf5,
    "onnx-outside": _onnx,
    "keras-noise": _bytes("net.keras", b"PK\x03\x04" + bytes(50)),
    "index-out": _index("../../../secret"),
    "index-itself": _index("model.safetensors.index.json"),
    "index-nothing": _index(""),
    "index-surrogate": _index("\ud800.safetensors"),
    "part-outside": _part_outside,
    "many-shards": _bytes("net-00001-of-99999.safetensors", b"x"),
    "empty": lambda folder: (folder / "model.safetensors").touch(),
    "noise": lambda folder: (folder / "pytorch_model.bin").write_bytes(os.urandom(5000)),
}


def write_zoo(tree: Path, attacks: bool) -> Path:
    """The zoo, with or without its attacks, which lie between the good models.

    Args:
        tree: where it goes.
        attacks: whether they are written.
    """
    for number, (name, attack) in enumerate(ATTACKS.items()):
        if number % 2 == 0:
            good(tree / f"{number:02}-good", number)
        if attacks:
            (folder := tree / f"{number:02}-{name}").mkdir(parents=True)
            attack(folder)
    return tree
