"""Singular vectors of matrices too large to decompose, from products with vectors alone."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

#: Steps of Lanczos' method, and after how many it is looked at again.
_STEPS, _LOOK = 400, 20
#: Residual of an eigenpair of WWᵀ, relative to the largest eigenvalue, below which it is one.
_RESIDUAL: Final = 1e-5


def leading_directions(
    w: torch.Tensor, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The leading left singular vectors of a matrix, by implicitly restarted Lanczos (ARPACK).

    Args:
        w: (out × in), finite.
        count: how many.

    Returns:
        Squared singular values (k,), the largest first, and the vectors (k × out), without those
        of zeros; None where a residual says that they are none.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    out = len(w)
    start = np.random.default_rng(0).normal(size=out)
    peak = float(w.abs().max())
    if peak == 0:
        return np.empty(0), np.empty((0, out))
    operator = LinearOperator((out, out), matvec=lambda x: _gram(w, x, peak), dtype=np.float64)
    try:
        values, vectors = eigsh(operator, count, v0=start, tol=_RESIDUAL / 10)
    except ArpackNoConvergence:
        return None
    for value, x in zip(values, vectors.T, strict=True):
        if np.linalg.norm(_gram(w, x, peak) - value * x) > _RESIDUAL * values[-1]:
            return None
    kept = values > _RESIDUAL * values[-1]
    order = np.argsort(-values[kept])
    return values[kept][order] * peak**2, vectors.T[kept][order]


def has_direction(w: torch.Tensor, x: NDArray[np.float64], cosine: float) -> bool | None:
    """True where a left singular vector of a matrix has so large a |cosine| with a direction.

    The squared cosines of x with the eigenvectors of WWᵀ are the masses of a measure, at their
    eigenvalues. Lanczos' method from x gives its Gauss quadrature of m nodes θ₁ < … < θₘ with
    weights wᵢ. By the separation theorem of Chebyshev, Markov and Stieltjes no point between two
    nodes has more mass than both together: where no two neighbours have cosine², there is no such
    vector. Where a node is an eigenvalue, by its residual, its weight is the squared cosine.

    Args:
        w: (out × in), finite.
        x: (out,), of length 1.
        cosine: the least |cosine|.

    Returns:
        None where `_STEPS` steps do not tell.

    Source: Szegő 1939, Orthogonal Polynomials, theorem 3.41.1; Golub & Meurant 2010.
    """
    peak, least = float(w.abs().max()), cosine**2
    if peak == 0:
        return False
    basis = [x / np.linalg.norm(x)]
    diagonal: list[float] = []
    beside: list[float] = []
    for step in range(1, min(_STEPS, len(x)) + 1):
        following = _gram(w, basis[-1], peak)
        diagonal.append(float(following @ basis[-1]))
        for _ in range(2):  # against all before, as one pass leaves rounding
            so_far = np.stack(basis)
            following = following - (following @ so_far.T) @ so_far
        beside.append(float(np.linalg.norm(following)))
        invariant = beside[-1] <= _RESIDUAL * max(diagonal)
        if step % _LOOK == 0 or invariant or step == min(_STEPS, len(x)):
            told = _told(np.array(diagonal), np.array(beside), least, exact=invariant)
            if told is not None or invariant:
                return told
        basis.append(following / beside[-1])
    return None


def _told(
    diagonal: NDArray[np.float64], beside: NDArray[np.float64], least: float, *, exact: bool
) -> bool | None:
    """What the quadrature tells of a mass that large; `exact` where the space is invariant."""
    from scipy.linalg import eigh_tridiagonal

    nodes, vectors = eigh_tridiagonal(diagonal, beside[:-1])
    weights, top = vectors[0] ** 2, nodes[-1]
    settled = beside[-1] * np.abs(vectors[-1]) <= _RESIDUAL * top
    nothing = settled & (nodes <= _RESIDUAL * top)  # what W does not reach is no singular vector
    weights = np.where(nothing, 0.0, weights)
    if (settled & (weights >= least)).any():
        return True
    together = weights if exact else weights + np.append(weights[1:], 0.0)
    return None if (together >= least).any() else False


def _gram(w: torch.Tensor, x: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """(W / peak)(W / peak)ᵀ x, in the type that W has."""
    vector = torch.from_numpy(np.ascontiguousarray(x)).to(w.dtype)
    product = w @ (w.T @ (vector / peak)) / peak
    out: NDArray[np.float64] = product.double().numpy()
    return out
