"""What a model costs, and its layers as pieces of work."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo_analysis.spectra import Method, matrix_shape
from zoo_analysis.weights import LayerSpec, kernel_dims

#: An eigenproblem of side M costs as much as this many M³ of a symmetric rank-k update (measured).
EIGEN = 3.3
#: Floating-point work below which a piece is not worth sending: about two seconds of one core.
_PIECE = 5e10


@dataclass(frozen=True)
class Piece:
    """Layers of one model that are measured by one task.

    Attributes:
        specs: the layers.
        flops: multiply-adds of Gram matrices and eigenproblems.
        peak_bytes: memory of the largest layer: its kernel, Gram matrix and LAPACK's copy.
    """

    specs: tuple[LayerSpec, ...]
    flops: float
    peak_bytes: int


@dataclass(frozen=True)
class Cost:
    """What a layer costs.

    Attributes:
        gram: multiply-adds of its Gram matrices.
        eigen: the same of its eigenproblems.
        peak_bytes: memory of its kernel, Gram matrix and LAPACK's copy.
    """

    gram: float = 0.0
    eigen: float = 0.0
    peak_bytes: int = 0


def price(spec: LayerSpec, how: Method) -> tuple[float, int]:
    """Multiply-adds and peak bytes of one layer, from its shape alone."""
    found = cost(spec, how)
    return found.gram + found.eigen, found.peak_bytes


def cost(spec: LayerSpec, how: Method) -> Cost:
    """What a layer costs, from its shape alone."""
    if spec.status is not None:
        return Cost()
    groups, rows, cols, positions = kernel_dims(spec)
    spatial = spec.shape[2:] if spec.kind.startswith("conv") else ()
    shape = matrix_shape(groups, rows, cols, spatial, how)
    word = 8 if how.dtype == "float64" else 4
    times = shape.matrices * (2 if how.randomize else 1)
    parameters = groups * rows * cols * positions
    return Cost(
        gram=times * shape.n * shape.m**2,
        eigen=times * EIGEN * shape.m**3,
        peak_bytes=4 * parameters + 3 * word * shape.m**2,
    )


def pieces(specs: Sequence[LayerSpec], how: Method) -> list[Piece]:
    """Split a model so that no piece is much more than one large layer, in the order of depth."""
    out: list[Piece] = []
    batch: list[LayerSpec] = []
    flops, peak = 0.0, 0
    for spec in specs:
        cost, memory = price(spec, how)
        if cost >= _PIECE:
            out.append(Piece((spec,), cost, memory))
            continue
        batch.append(spec)
        flops, peak = flops + cost, max(peak, memory)
        if flops >= _PIECE:
            out.append(Piece(tuple(batch), flops, peak))
            batch, flops, peak = [], 0.0, 0
    if batch:
        out.append(Piece(tuple(batch), flops, peak))
    return out
