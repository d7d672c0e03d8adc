"""GPTQ and AWQ: integers of 2 to 8 bits in words of 32, with scales and zero points a group.

W = (q − z)·s. GPTQ packs along the inputs (AutoGPTQ and GPTQModel, format ``gptq`` with zero points
less one, ``gptq_v2`` without that), AWQ along the outputs and in an order of its own (AutoAWQ's
``gemm``; of 8 bits as GPTQModel and vLLM read it).
"""

from collections.abc import Mapping
from typing import Final

import torch

from zoo_analysis.weights.decoding.coded_layout import (
    Declared,
    Decodable,
    Found,
    Layout,
    Naming,
    Read,
)
from zoo_analysis.weights.decoding.packed_bits import unpacked
from zoo_analysis.weights.spec import Coding

#: Where each of the outputs that share a word lies in it.
_AWQ_PLACES: Final = {4: (0, 4, 1, 5, 2, 6, 3, 7), 8: (0, 2, 1, 3)}
_NAMING: Final = Naming(
    "qweight",
    "weight",
    {"scales": "scales", "qzeros": "qzeros", "g_idx": "g_idx"},
    frozenset({"scales", "qzeros"}),
)


def _described_gptq(found: Found, declared: Declared, read: Read) -> Decodable | None:
    if not declared or declared.get("quant_method", "gptq") != "gptq":
        return None  # nothing but the configuration tells the two formats of zero points apart
    form = declared.get("checkpoint_format", declared.get("format", "gptq"))
    scales, zeros, order = (found.shape(part) for part in ("scales", "qzeros", "g_idx"))
    if form not in ("gptq", "gptq_v2") or not scales or not zeros:
        return None
    if not len(found.codes.shape) == len(scales) == len(zeros) == 2 or 0 in (*scales, *zeros):
        return None
    groups, out = scales
    bits, odd = divmod(32 * zeros[1], out)
    if odd or not 2 <= bits <= 8 or zeros[0] != groups or found.codes.shape[1] != out:
        return None
    into, odd = divmod(32 * found.codes.shape[0], bits)
    size = _group_size(into, groups, declared)
    if odd or size is None or order not in (None, (into,)):
        return None
    coding = Coding(
        "gptq", tuple(found.parts), bits, block=(1, size), zero_offset=int(form == "gptq")
    )
    return Decodable(coding, (out, into), f"gptq-{bits}bit")


def _described_awq(found: Found, declared: Declared, read: Read) -> Decodable | None:
    if declared is None or declared.get("quant_method", "awq") != "awq":
        return None
    form = str(declared.get("version", declared.get("checkpoint_format", "gemm"))).lower()
    scales, zeros = found.shape("scales"), found.shape("qzeros")
    if form != "gemm" or not scales or not zeros or "g_idx" in found.parts:
        return None
    if not len(found.codes.shape) == len(scales) == len(zeros) == 2 or 0 in (*scales, *zeros):
        return None
    (into, words), (groups, out) = found.codes.shape, scales
    bits, odd = divmod(32 * words, out)
    size = _group_size(into, groups, declared)
    if odd or bits not in _AWQ_PLACES or zeros != (groups, words) or size is None:
        return None
    coding = Coding("awq", tuple(found.parts), bits, block=(1, size))
    return Decodable(coding, (out, into), f"awq-{bits}bit")


def _group_size(into: int, groups: int, declared: Mapping[str, object]) -> int | None:
    size = declared.get("group_size")
    if isinstance(size, int) and size > 0 and -(-into // size) == groups:
        return size
    return into // groups if into and into % groups == 0 else None


def _decoded_gptq(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: tuple[int, ...], index: int
) -> torch.Tensor:
    out, into = shape
    codes = unpacked(parts["codes"].T, coding.bits, into)
    stored = unpacked(parts["qzeros"], coding.bits, out).to(torch.int32)
    # Format v1 keeps z − 1 in as many bits, so that 0 became the largest.
    zeros = (stored + coding.zero_offset) & ((1 << coding.bits) - 1)
    group = parts.get("g_idx")
    group = _in_turn(into, coding) if group is None else group.to(torch.int64)
    if into and not 0 <= int(group.min()) <= int(group.max()) < zeros.shape[0]:
        raise ValueError(f"g_idx speaks of other groups than its {zeros.shape[0]}")
    return _affine(codes, zeros.T, parts["scales"].T, group)


def _decoded_awq(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: tuple[int, ...], index: int
) -> torch.Tensor:
    out, into = shape
    places = list(_AWQ_PLACES[coding.bits])

    def outputs(words: torch.Tensor) -> torch.Tensor:
        found = unpacked(words, coding.bits, out)
        return found.reshape(len(found), -1, len(places))[..., places].flatten(1)

    codes, zeros = outputs(parts["codes"]), outputs(parts["qzeros"])
    return _affine(codes.T.contiguous(), zeros.T, parts["scales"].T, _in_turn(into, coding))


def _in_turn(into: int, coding: Coding) -> torch.Tensor:
    assert coding.block is not None
    return torch.arange(into) // coding.block[1]


def _affine(
    codes: torch.Tensor, zeros: torch.Tensor, scales: torch.Tensor, group: torch.Tensor
) -> torch.Tensor:
    """(q − z)·s for codes (out, in), zeros and scales (out, groups), the group of each input."""
    weight = codes.to(torch.float32)
    weight -= zeros.to(torch.float32)[:, group]
    weight *= scales.to(torch.float32)[:, group]
    return weight


GPTQ = Layout("gptq", (_NAMING,), ("int32",), _described_gptq, _decoded_gptq)
AWQ = Layout("awq", (_NAMING,), ("int32",), _described_awq, _decoded_awq)
