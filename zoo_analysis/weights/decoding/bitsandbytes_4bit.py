"""NF4 and FP4 of bitsandbytes: indices of 4 bits into a table of 16 values, scaled in blocks.

W = table[q]·absmax[block] over the weight in row order, the first of two elements in the upper half
of a byte (Dettmers et al. 2023, arXiv 2305.14314; QuantState of the package bitsandbytes). With
double quantisation absmax is itself coded in 8 bits.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import torch

from zoo_analysis.weights.decoding.coded_layout import (
    Declared,
    Decodable,
    Found,
    Layout,
    Naming,
    Read,
)
from zoo_analysis.weights.decoding.packed_bits import looked_up
from zoo_analysis.weights.spec import Coding

#: Bytes of a description; the package writes some two hundred.
_LARGEST_STATE: Final = 1 << 16


def _described(found: Found, declared: Declared, read: Read) -> Decodable | None:
    if found.parts["state"].nbytes > _LARGEST_STATE:
        return None
    state = _state(read(found.parts["state"].name))
    if state is None:
        return None
    shape, count = tuple(state["shape"]), math.prod(state["shape"])
    blocks = -(-count // state["blocksize"])
    nested = found.parts["absmax"].dtype == "uint8"
    fits = (
        len(shape) > 1
        and found.codes.nbytes == -(-count // 2)
        and math.prod(found.parts["absmax"].shape) == blocks
        and found.parts["table"].shape == (16,)
    )
    if nested:
        size = state.get("nested_blocksize")
        fits = fits and type(size) is int and size > 0
        fits = fits and type(state.get("nested_offset")) in (int, float)
        fits = fits and found.shape("nested_absmax") == (-(-blocks // size),)
        fits = fits and found.shape("nested_table") == (256,)
    # The matrices of a stack are had one by one where each begins with a block.
    if len(shape) > 2:
        fits = fits and math.prod(shape[1:]) % state["blocksize"] == state["blocksize"] % 2 == 0
    if not fits:
        return None
    coding = Coding("bitsandbytes-4bit", tuple(found.parts), 4, block=(1, state["blocksize"]))
    return Decodable(coding, shape, str(state.get("quant_type", "nf4")))


def _state(raw: torch.Tensor) -> dict[str, Any] | None:
    """The description that the package keeps as bytes of JSON; None if it is none."""
    try:
        state = json.loads(bytes(raw.flatten().view(torch.uint8).tolist()))
        sides = [*state["shape"], state["blocksize"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return state if all(type(side) is int and side > 0 for side in sides) else None


def _decoded(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: tuple[int, ...], index: int
) -> torch.Tensor:
    assert coding.block is not None
    count, size = math.prod(shape), coding.block[1]
    start = index * count
    octets = parts["codes"].flatten().view(torch.uint8)[start // 2 :][: -(-count // 2)]
    weight = looked_up(octets, parts["table"].to(torch.float32), upper_first=True)[:count]
    scales = _scales(parts)[start // size :]
    blocks = count // size
    weight[: blocks * size].view(blocks, size).mul_(scales[:blocks, None])
    if count % size:
        weight[blocks * size :] *= scales[blocks]
    return weight.reshape(shape)


def _scales(parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
    absmax = parts["absmax"].flatten()
    if absmax.dtype != torch.uint8:
        return absmax.to(torch.float32)
    state = _state(parts["state"])
    if state is None:
        raise ValueError("quant_state is no description of bitsandbytes")
    plain = parts["nested_table"].to(torch.float32)[absmax.to(torch.int32)]
    outer = parts["nested_absmax"].to(torch.float32)
    plain *= outer.repeat_interleave(state["nested_blocksize"])[: plain.numel()]
    return plain + float(state["nested_offset"])


BITSANDBYTES_4BIT = Layout(
    "bitsandbytes-4bit",
    (
        Naming(
            "",
            "",
            {
                ".absmax": "absmax",
                ".quant_map": "table",
                ".nested_absmax": "nested_absmax",
                ".nested_quant_map": "nested_table",
                ".quant_state.bitsandbytes__nf4": "state",
                ".quant_state.bitsandbytes__fp4": "state",
            },
            frozenset({"absmax", "table", "state"}),
        ),
    ),
    (),
    _described,
    _decoded,
    undeclared=True,
    cut=False,
)
