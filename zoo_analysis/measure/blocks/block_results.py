"""Products of heads and likeness of experts: numbers of several matrices together."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from zoo_analysis.spectra import (
    LayerMetrics,
    LayerResult,
    Method,
    Shape,
    analyze_kernel,
    head_cores,
    leading_directions,
    overlaps,
)
from zoo_analysis.spectra.spectrum_numbers import Status
from zoo_analysis.weights import Checkpoint, LayerSpec, Role, load_kernel
from zoo_analysis.weights.layers.blocks.block_listing import BlockSpec, sides

#: Leading singular vectors by which experts are compared, as intruder dimensions are.
LEADING: Final = 10
_PRODUCTS: Final[tuple[Role, Role]] = ("qk", "ov")


def block_results(
    checkpoint: Checkpoint, block: BlockSpec, how: Method, device: str = "cpu"
) -> Iterator[tuple[LayerSpec, LayerResult]]:
    """A layer of its own for each head and product of attention, or each expert, and its numbers.

    Of head h there are ``BLOCK[qk,h]``, the spectrum of W_Qᵀ·W_K, and ``BLOCK[ov,h]``, that of
    W_O·W_V: the singular values that are not 0 because the head is narrower than the network.
    Of an expert there is no spectrum, but how far the subspaces of its ten leading singular vectors
    are those of the other experts, on average over these.

    Args:
        checkpoint: where the block was found.
        block: to measure.
        how: the method.
        device: where to compute.

    Raises:
        CheckpointError: tensors that cannot be read, or do not fit each other.
    """
    of = _heads if block.kind == "product" else _experts
    return of(checkpoint, block, how, device)


def _heads(
    checkpoint: Checkpoint, block: BlockSpec, how: Method, device: str
) -> Iterator[tuple[LayerSpec, LayerResult]]:
    in_order = checkpoint.in_file_order(block.parts)
    loaded = {part.layer: load_kernel(checkpoint, part)[0] for part in in_order}
    q, k, v, o = (loaded[part.layer] for part in block.parts)
    heads = block.heads or 1
    shapes = (sides(block.parts[0])[1], sides(block.parts[1])[1]), (len(o), v.shape[1])
    finite = all(bool(torch.isfinite(each).all()) for each in (q, k, v, o))
    q, k, v, o = (each.to(device) for each in (q, k, v, o)) if finite else (q, k, v, o)
    cores = head_cores(q, k, v, o, heads, block.kv_heads) if finite else None
    for head in range(heads):
        both = (None, None) if cores is None else next(cores)
        for role, shape, core in zip(_PRODUCTS, shapes, both, strict=True):
            spec = replace(block, layer=f"{block.layer}[{role},{head}]", role=role, shape=shape)
            width = len(q) // heads if role == "qk" else o.shape[1] // heads
            if core is None:  # LAPACK may hang on what is not finite
                none = Shape(max(shape), min(width, *shape), 1, 1)
                result = LayerResult(none, None, LayerMetrics(), "non-finite")
            else:
                result = analyze_kernel(core, how, device, shape)
            yield spec, result


def _experts(
    checkpoint: Checkpoint, block: BlockSpec, how: Method, device: str
) -> Iterator[tuple[LayerSpec, LayerResult]]:
    dtype = getattr(torch, how.dtype)
    out, into = block.shape
    statuses: list[Status] = []
    bases: list[tuple[torch.Tensor, torch.Tensor]] = []
    for part in block.parts:
        w = load_kernel(checkpoint, part)[0]
        status: Status = "subspace"
        if not torch.isfinite(w).all():
            status = "non-finite"
        elif not w.any():
            status = "all-zero"
        else:
            try:
                bases.append(leading_directions(w, min(LEADING, out, into), dtype, device))
            # Squares beyond the precision's range.
            except (torch.linalg.LinAlgError, ValueError):  # type: ignore[attr-defined]
                status = "failed"
        statuses.append(status)
        checkpoint.release()
    found = iter(zip(*(_with_others([basis[i] for basis in bases]) for i in (0, 1)), strict=True))
    for part, status in zip(block.parts, statuses, strict=True):
        numbers = LayerMetrics()
        if status == "subspace":
            left, right = next(found)
            numbers = LayerMetrics(overlap_out=left, overlap_in=right)
        shape = Shape(max(out, into), min(out, into), 1, 1)
        yield replace(part, shape=(out, into)), LayerResult(shape, None, numbers, status)


def _with_others(bases: list[torch.Tensor]) -> list[float | None]:
    """The mean overlap of each with the others; None where there are none."""
    if len(bases) < 2:
        return [None] * len(bases)
    both = overlaps(bases)
    return [float(mean) for mean in (both.sum(1) - np.diag(both)) / (len(bases) - 1)]
