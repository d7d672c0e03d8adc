"""GGUF headers that lie are one line each, at once and in little memory; long ones are quick."""

import os
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFEndian
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.gguf_files import coded, gaussian, small_llama, write_gguf
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

F32, Q4_K, STRING, ARRAY, UINT8, UINT32 = 0, 12, 8, 9, 0, 4


def text(value: str | bytes, length: int | None = None) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, values: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + values


def tensor(
    name: Any = "a.weight", shape: Any = (2,), kind: int = F32, offset: int = 0, axes: Any = None
) -> bytes:
    sides = struct.pack(f"<{len(shape)}Q", *reversed(shape))
    count = struct.pack("<I", len(shape) if axes is None else axes)
    name = name if isinstance(name, bytes) else text(name)
    return name + count + sides + struct.pack("<IQ", kind, offset)


def header(
    *rows: bytes,
    pairs: tuple[bytes, ...] = (),
    version: int = 3,
    tensors: int | None = None,
    keys: int | None = None,
    data: bytes = bytes(64),
) -> bytes:
    counts = len(rows) if tensors is None else tensors, len(pairs) if keys is None else keys
    raw = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join((*pairs, *rows))
    return raw + bytes(-len(raw) % 32) + data


NESTED = b"".join(array(ARRAY, 1) for _ in range(100)) + array(UINT8, 0)

HOSTILE = {
    "empty": (b"", "truncated"),
    "zeros": (bytes(1000), "not a GGUF file"),
    "pickle": (b"PK\x03\x04" + bytes(100), "not a GGUF file"),
    "old": (b"ggjt" + bytes(100), "not a GGUF file"),
    "no version": (b"GGUF" + bytes(64), "version 0 is not read"),
    "version 1": (header(tensor(), version=1), "version 1 is not read"),
    "version 4": (header(tensor(), version=4), "version 4 is not read"),
    "big-endian": (header(tensor(), version=3 << 24), "big-endian"),
    "tensors": (header(tensor(), tensors=2**60), "claims 1152921504606846976 tensors"),
    "some tensors": (header(tensor(), tensors=2), "truncated|malformed"),
    "keys": (header(tensor(), keys=2**60), "claims .* metadata"),
    "list of numbers": (header(pairs=(pair("k", ARRAY, array(UINT8, 2**62)),)), "truncated"),
    "list of lists": (header(pairs=(pair("k", ARRAY, array(ARRAY, 2**62)),)), "malformed: a list"),
    "list of texts": (
        header(pairs=(pair("k", ARRAY, array(STRING, 10**12)),)),
        "malformed: a list",
    ),
    "list too long": (header(pairs=(pair("k", ARRAY, array(STRING, 10**6)),)), "truncated"),
    "list of what": (header(pairs=(pair("k", ARRAY, array(77, 3)),)), "malformed: a list"),
    "nested lists": (header(pairs=(pair("k", ARRAY, NESTED),)), "malformed: a list"),
    "text": (header(pairs=(pair("k", STRING, text("v", 2**63)),)), "truncated"),
    "key": (header(pairs=(text("k", 2**63),)), "claims .* bytes of a name"),
    "type of metadata": (header(pairs=(pair("k", 13, bytes(8)),)), "unknown type 13"),
    "name": (header(tensor(text("a", 2**64 - 1))), "claims .* bytes of a name"),
    "long name": (header(tensor("a" * 1025)), "claims 1025 bytes"),
    "no text": (header(tensor(text(b"\xff\xfe"))), "the name b'"),
    "lines in a name": (header(tensor("a\nb")), "a tensor called 'a"),
    "no name": (header(tensor("")), "a tensor called ''"),
    "axes": (header(tensor(axes=2**32 - 1)), "has 4294967295 axes"),
    "side": (header(tensor(shape=(2**63,))), "no sensible shape"),
    "product": (header(tensor(shape=(2**31, 2**31, 2**31))), "no sensible shape"),
    "zero times much": (header(tensor(shape=(0, 2**64 - 1))), "no sensible shape"),
    "large": (header(tensor(shape=(2**20, 2**20))), "truncated: 'a.weight' ends at byte"),
    "offset": (header(tensor(offset=2**64 - 1)), "truncated"),
    "overlap": (header(tensor(), tensor("b", offset=4)), "'b' overlaps the tensor before it"),
    "same place": (header(tensor(), tensor("b")), "'b' overlaps"),
    "twice": (header(tensor(), tensor(offset=32)), "two tensors are called 'a.weight'"),
    "part of a block": (header(tensor(shape=(256, 8), kind=Q4_K)), "do not fill q4_k's blocks"),
    "scalar of blocks": (header(tensor(shape=(), kind=Q4_K)), "do not fill"),
    "unknown and large": (header(tensor(shape=(2**40,), kind=1000)), "truncated"),
    "alignment 0": (
        header(tensor(), pairs=(pair("general.alignment", UINT32, bytes(4)),)),
        "an alignment of 0",
    ),
    "alignment 3": (
        header(tensor(), pairs=(pair("general.alignment", UINT32, struct.pack("<I", 3)),)),
        "an alignment of 3",
    ),
    "alignment 2^31": (
        header(tensor(), pairs=(pair("general.alignment", UINT32, struct.pack("<I", 2**31)),)),
        "truncated",
    ),
    "alignment in words": (
        header(tensor(), pairs=(pair("general.alignment", STRING, text("32")),)),
        "an alignment of '32'",
    ),
    "two shapes": (
        header(
            tensor(),
            pairs=(
                pair(
                    "comfy.gguf.orig_shape.a.weight", ARRAY, array(4, 2, struct.pack("<2I", 2, 2))
                ),
            ),
        ),
        "has two shapes",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_header_that_lies_is_refused_at_once_and_in_little_memory(
    tmp_path: Path, what: str
) -> None:
    content, message = HOSTILE[what]
    file = tmp_path / "bad.gguf"
    file.write_bytes(content)
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(file)
    assert time.process_time() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("claim", ["texts", "tensors", "keys"])
def test_gigabytes_of_zeros_are_not_read_for_a_claim(tmp_path: Path, claim: str) -> None:
    """Zeros are empty texts, and tensors and keys without a name."""
    file = tmp_path / "sparse.gguf"
    raw = {
        "texts": header(pairs=(pair("k", ARRAY, array(STRING, 2**22)),), data=b""),
        "tensors": header(tensors=2**17, data=b""),
        "keys": header(keys=2**16, data=b""),
    }
    file.write_bytes(raw[claim])
    os.truncate(file, 4 << 30)
    start = time.process_time()
    with pytest.raises(CheckpointError):
        open_checkpoint(file)
    assert time.process_time() - start < 20


GOOD = {"blk.0.ffn_up.weight": coded(gaussian(4, 64), "Q8_0"), "b.weight": gaussian(3, 5)}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("good") / "m.gguf"
    metadata = {"tokenizer.ggml.tokens": ["a", "b"], "general.file_type": 7}
    return write_gguf(file, GOOD, metadata).read_bytes()


def refusal(file: Path) -> str:
    """Why a file is refused, where it is; all that can be read of it is."""
    try:
        with open_checkpoint(file) as checkpoint:
            for spec in list_layers(checkpoint, split_qkv=True):
                if spec.status is None:
                    load_kernel(checkpoint, spec)
    except CheckpointError as error:
        return str(error)
    return ""


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_bytes_change_a_file_is_read_or_refused(
    tmp_path: Path, good: bytes, data: st.DataObject
) -> None:
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 8))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8)))
        raw[at : at + len(new)] = new
    file = tmp_path / "m.gguf"
    file.write_bytes(
        raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    )
    assert "\n" not in refusal(file)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.floats(0, 0.99))
def test_a_truncated_file_is_refused(tmp_path: Path, good: bytes, cut: float) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(good[: int(len(good) * cut)])
    with pytest.raises(CheckpointError):
        open_checkpoint(file)


VALUES = {
    "text": (STRING, text("x" * 40)),
    "no text": (STRING, text(b"\xff\x00\n")),
    "nan": (6, struct.pack("<f", float("nan"))),
    "infinity": (12, struct.pack("<d", float("inf"))),
    "truth": (7, b"\x01"),
    "negative": (5, struct.pack("<i", -4)),
    "large": (10, b"\xff" * 8),
    "zero": (UINT32, bytes(4)),
    "list": (ARRAY, array(5, 2, struct.pack("<2i", -1, 3))),
    "empty list": (ARRAY, array(5, 0)),
    "long list": (ARRAY, array(5, 100, bytes(400))),
}
KEYS = [
    *("general.architecture", "general.type", "general.alignment", "split.count"),
    *("adapter.lora.alpha", "comfy.gguf.orig_shape.a.weight", "llama.attention.head_count"),
    *("llama.attention.head_count_kv", "llama.embedding_length", "llama.attention.key_length"),
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("key", KEYS)
def test_metadata_of_the_wrong_type_cost_themselves_or_the_file(
    tmp_path: Path, key: str, value: str
) -> None:
    file = tmp_path / "m.gguf"
    named = (
        ()
        if key == "general.architecture"
        else (pair("general.architecture", STRING, text("llama")),)
    )
    rows = (
        tensor("a.weight", (2, 4)),
        tensor("b.weight.lora_a", (2, 4), offset=32),
        tensor("b.weight.lora_b", (4, 2), offset=64),
        tensor("blk.0.attn_qkv.weight", (12, 4), offset=96),
    )
    file.write_bytes(header(*rows, pairs=(*named, pair(key, *VALUES[value])), data=bytes(512)))
    assert "\n" not in refusal(file)


def test_a_scale_of_an_empty_or_a_coded_kind_is_none(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    rows = (
        tensor("a.weight", (3, 0, 5)),
        tensor("a.scale", (3,)),
        tensor("b.weight", (32, 2, 2), offset=32),
        tensor("b.scale", (32,), 8, offset=544),  # q8_0
    )
    file.write_bytes(header(*rows, data=bytes(600)))
    with open_checkpoint(file) as checkpoint:
        assert checkpoint.read("a.weight").shape == (3, 0, 5)
        assert checkpoint.read("b.weight").shape == (32, 2, 2)


def test_a_file_cut_short_after_opening_is_an_error_and_no_crash(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf", {"a.weight": coded(gaussian(512, 256), "Q8_0")})
    checkpoint = open_checkpoint(file)
    os.truncate(file, 8192)
    with pytest.raises(CheckpointError, match="truncated"):
        checkpoint.read("a.weight")


def test_a_big_endian_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf", GOOD, endianess=GGUFEndian.BIG)
    with pytest.raises(CheckpointError, match=r"big-endian; convert it with gguf-convert-endian"):
        open_checkpoint(file)


def test_a_type_that_is_not_known_is_a_row_of_its_own(tmp_path: Path) -> None:
    """A type newer than the package costs its tensors, not the model."""
    file = tmp_path / "m.gguf"
    file.write_bytes(header(tensor("blk.0.ffn_up.weight", (4, 8), 1000), data=bytes(40)))
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint)
        assert (spec.status, spec.precision) == ("quantized", "ggml_type_1000")
        assert checkpoint.info("blk.0.ffn_up.weight").nbytes == 40


def test_version_2_is_laid_out_as_version_3(tmp_path: Path, good: bytes) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(good[:4] + struct.pack("<I", 2) + good[8:])
    with open_checkpoint(file) as checkpoint:
        np.testing.assert_array_equal(checkpoint.read("b.weight").numpy(), GOOD["b.weight"])


def test_another_alignment_moves_the_data(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    pairs = (pair("general.alignment", UINT32, struct.pack("<I", 1)),)
    raw = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + pairs[0] + tensor()
    file.write_bytes(raw + struct.pack("<2f", 1.5, -2))
    with open_checkpoint(file) as checkpoint:
        assert checkpoint.read("a.weight").tolist() == [1.5, -2]


def test_a_large_vocabulary_costs_little_time_and_memory(tmp_path: Path) -> None:
    texts = [f"▁token{i}" for i in range(260_000)]
    vocabulary = {
        "tokenizer.ggml.tokens": texts,
        "tokenizer.ggml.merges": [f"{a} {b}" for a, b in zip(texts, reversed(texts), strict=True)],
        "tokenizer.ggml.scores": [0.5] * len(texts),
        "tokenizer.chat_template": "{% for message in messages %}" * 3000,
    }
    file = write_gguf(tmp_path / "m.gguf", small_llama(), vocabulary)
    assert file.stat().st_size > 10e6
    open_checkpoint(write_gguf(tmp_path / "small.gguf", small_llama()))  # imports
    tracemalloc.start()
    checkpoint = open_checkpoint(file)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    start = time.process_time()
    open_checkpoint(file)
    assert time.process_time() - start < 3
    assert set(checkpoint.tensors) == set(small_llama())
