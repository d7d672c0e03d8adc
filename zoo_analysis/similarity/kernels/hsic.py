"""Kernels of unit norm, whose inner product is an alignment (HSIC over the HSICs with itself)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import aligned, centred, rows, same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch


@dataclass(frozen=True)
class Kernel:
    """A centred kernel K (n × n) with ⟨K, K⟩ = 1, held in whichever form is smaller.

    Attributes:
        shape: (n, d) of the array that it was made of.
        gram: K itself, or the parts of it that are compared; None where `features` hold it.
        features: X (n × d), d < n, with K = XXᵀ.
        diagonal: (n), what `debiased` takes off the products of features.
    """

    shape: tuple[int, ...]
    gram: torch.Tensor | None = None
    features: torch.Tensor | None = None
    diagonal: torch.Tensor | None = None

    def reordered(self, order: torch.Tensor) -> Kernel:
        """The kernel of the samples in another order (n,); not of one that is parts of a kernel."""
        gram = None if self.gram is None else rows(rows(self.gram, order).T, order).T
        features, diagonal = (
            None if each is None else rows(each, order) for each in (self.features, self.diagonal)
        )
        return Kernel(self.shape, gram, features, diagonal)


def inner(a: Kernel, b: Kernel) -> float:
    """⟨K, L⟩: the cosine of the angle between two kernels, without forming n × n beyond d.

    Args:
        a: K, of n samples.
        b: L, of the same samples.

    Returns:
        In [−1, 1].

    Raises:
        SimilarityError: different n.
    """
    same_samples(a.shape, b.shape)
    if a.gram is not None and b.gram is not None:
        value = (a.gram * b.gram).sum()
    elif a.features is not None and b.features is not None:
        value = _product(*aligned(a.features, b.features))
        if a.diagonal is not None and b.diagonal is not None:
            value = value - a.diagonal @ b.diagonal
    else:
        gram, x = (a.gram, b.features) if b.gram is None else (b.gram, a.features)
        assert gram is not None
        assert x is not None
        gram, x = aligned(gram, x)
        # a debiased Gram matrix is orthogonal to what debiasing takes off the other
        value = ((gram @ x) * x).sum()
    return min(max(float(value), -1.0), 1.0)


def linear(x: Any, dtype: torch.dtype | None = None) -> Kernel:
    """K = HXXᵀH / ‖HXXᵀH‖ of an array (n × d); products in `dtype`, by default the array's own.

    Raises:
        SimilarityError: see `tensor` and `centred`.
    """
    given = tensor(x)
    c = centred(given, dtype).values
    if given.shape[1] < given.shape[0]:
        root = _product(c, c).sqrt()
        return Kernel(tuple(given.shape), features=c.mul_(1 / root.sqrt()))
    return _dense(tuple(given.shape), c @ c.T)


def rbf(x: Any, fraction: float = 1.0) -> Kernel:
    """K = HGH / ‖HGH‖ with G = exp(−D² / 2σ²), σ a fraction of the median distance D.

    The median is that of all n² squared distances, those of samples to themselves included, as in
    the code that Kornblith et al. (2019) published.

    Args:
        x: (n × d).
        fraction: of the median distance.

    Raises:
        SimilarityError: see `tensor` and `centred`; also half of the distances are zero.
    """
    given = tensor(x)
    c = centred(given).values
    squares = c.square().sum(1)
    distances = torch.addmm(squares, c, c.T, alpha=-2).add_(squares[:, None])
    distances = distances.clamp_(min=0).fill_diagonal_(0)
    median = float(np.median(distances.cpu().numpy()))
    # a distance is a difference of squares, which rounding leaves at their relative precision
    if median <= 8 * torch.finfo(c.dtype).eps * float(squares.max()):
        raise SimilarityError(
            f"half of the distances between the samples of an array of shape {tuple(given.shape)} "
            "are zero, and so is the RBF bandwidth: drop repeated samples or use linear cka"
        )
    kernel = distances.mul_(-1 / (2 * fraction**2 * median)).exp_()
    means = kernel.mean(0)
    kernel -= means - means.mean()
    kernel -= means[:, None]
    return _dense(tuple(given.shape), kernel)


def debiased(x: Any) -> Kernel:
    """The linear kernel whose inner products are unbiased HSICs (Song et al. 2012).

    U-centring (Székely & Rizzo 2014) makes rows and diagonal of K vanish; with features X (n × d),
    d < n, k the squared norms of the centred samples, the same inner product is
    ‖XᵀY‖² − n/(n−2) · (kᵀl − Σk Σl / (n(n−1))). That in float64: where few samples outweigh the
    others, what is taken off is nearly all there is.

    Raises:
        SimilarityError: see `tensor` and `centred`; also fewer than four samples.
    """
    given = tensor(x)
    n, d = given.shape
    _enough(given.shape)
    c = centred(given, torch.float64 if d < n else None).values
    if d >= n:
        return _dense(tuple(given.shape), _u_centred(c @ c.T))
    k = c.square().sum(1)
    # so that the inner product of two of these is what the formula takes off
    diagonal = sqrt(n / (n - 2)) * (k - (1 - sqrt((n - 2) / (n - 1))) * k.mean())
    whole = _product(c, c)
    norm = whole - diagonal @ diagonal
    _vanishing(norm, 1e3 * torch.finfo(c.dtype).eps * float(whole), given.shape)
    root = norm.sqrt()
    return Kernel(tuple(given.shape), features=c.mul_(1 / root.sqrt()), diagonal=diagonal / root)


def minibatch(x: Any, batch_size: int = 256) -> Kernel:
    """The debiased kernels of consecutive minibatches, laid end to end (Nguyen et al. 2021).

    The n samples are cut into ⌈n / batch_size⌉ batches whose sizes differ by at most one.

    Args:
        x: (n × d).
        batch_size: largest number of samples in a batch, at least 4.

    Raises:
        SimilarityError: see `tensor` and `centred`; also batches of fewer than four samples.
    """
    given = tensor(x)
    _enough((min(len(given), batch_size), given.shape[1]))
    c = centred(given).values
    blocks = torch.tensor_split(c, ceil(len(c) / batch_size))
    _enough(blocks[-1].shape)
    # each block's inner product is then an HSIC, which n(n−3) makes the same for all sizes
    grams = [_u_centred(b @ b.T).flatten() / sqrt(len(b) * (len(b) - 3)) for b in blocks]
    return _dense(tuple(given.shape), torch.cat(grams))


def _product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """‖XᵀY‖²."""
    return (x.T @ y).square().sum()


def _dense(shape: tuple[int, ...], gram: torch.Tensor) -> Kernel:
    norm = gram.square().sum()
    _vanishing(norm, 64 * torch.finfo(gram.dtype).eps ** 2, shape)  # that of rounding
    return Kernel(shape, gram=gram.mul_(1 / norm.sqrt()))


def _u_centred(gram: torch.Tensor) -> torch.Tensor:
    """The part of K (n × n) off the diagonal whose rows and columns sum to 0, in place."""
    n = len(gram)
    gram = gram.fill_diagonal_(0)
    sums = gram.sum(0)
    gram -= (sums / (n - 2))[:, None]
    gram -= sums / (n - 2)
    gram += sums.sum() / ((n - 1) * (n - 2))
    return gram.fill_diagonal_(0)


def _enough(shape: tuple[int, ...]) -> None:
    if shape[0] < 4:
        raise SimilarityError(
            f"an array of shape {tuple(shape)} has too few samples: an unbiased HSIC needs at "
            "least 4 (in each batch)"
        )


def _vanishing(norm: torch.Tensor, rounding: float, shape: tuple[int, ...]) -> None:
    """Refuses a kernel that debiasing leaves nothing of: samples as far from each other as all."""
    if norm <= rounding:
        raise SimilarityError(
            f"all samples of an array of shape {tuple(shape)} are equally far apart: nothing is "
            "left of its kernel without bias, give more samples or use cka"
        )
