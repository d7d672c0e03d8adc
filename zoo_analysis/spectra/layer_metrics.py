"""All metrics of one layer, from its kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.spectra.by_parts.windows import farms_alpha
from zoo_analysis.spectra.eigenspectrum import (
    Shape,
    is_depthwise,
    matrix_shape,
    rounding_noise,
    shuffled_spectrum,
    spectrum,
)
from zoo_analysis.spectra.entry_statistics import EntryStatistics, entry_statistics
from zoo_analysis.spectra.layer_warnings import layer_warnings
from zoo_analysis.spectra.marchenko_pastur import fit_bulk
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.spectra.metrics import LayerMetrics
from zoo_analysis.spectra.random_like import random_like
from zoo_analysis.spectra.spectrum_numbers import Status, finite, spectrum_metrics

#: Rows of a mapped kernel that are read before its pages are let go.
_ROWS: Final = 512


@dataclass(frozen=True)
class LayerResult:
    """A layer measured: its shape as matrices, eigenvalues, metrics, and status.

    Attributes:
        shape: the matrices the kernel became.
        evals: all eigenvalues, ascending; None where there are none.
        metrics: the numbers.
        status: `success`, or why there is no fit or no spectrum.
        warning: see `layer_warnings`.
        slices: of a kernel whose positions are fitted one by one, each of them, in the order of
            groups and positions; none where there is one alone.
        note: what else is to be said, such as why a number cannot be had.
    """

    shape: Shape
    evals: NDArray[np.float64] | None
    metrics: LayerMetrics
    status: Status
    warning: str = ""
    slices: tuple["LayerResult", ...] = ()
    note: str = ""


def analyze_kernel(
    kernel: torch.Tensor | NDArray[np.floating[Any]],
    how: Method | Preset | None = None,
    device: str | torch.device = "cpu",
    sides: tuple[int, int] | None = None,
    release: Callable[[], None] | None = None,
    stored: torch.dtype | None = None,
    bias: torch.Tensor | None = None,
    rounded: Sequence[tuple[torch.Tensor, torch.dtype]] = (),
) -> LayerResult:
    """Spectrum, fit and metrics of one layer.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial), or one matrix (out, in); floating point.
        how: the method, or the name of its preset; the default one where None.
        device: where to compute.
        sides: the true (out, in) of a matrix given by a smaller one with the same non-zero
            eigenvalues (a low-rank update): no Marchenko–Pastur bulk is fitted to it.
        release: called when parts of the kernel have been read, so that the owner of a mapped one
            may let its pages go.
        stored: the type that the entries were rounded to; the kernel's own where None.
        bias: the layer's, one entry an output.
        rounded: kernels of this shape whose rounding is in this one, a difference of theirs, and
            the types that they were rounded to; none where its own entries were rounded.

    Returns:
        The metrics; bad input gets a status, never an exception.
    """
    how = as_method(how)
    kernel = kernel.detach() if isinstance(kernel, torch.Tensor) else torch.tensor(kernel)
    kernel = kernel[None] if kernel.ndim == 2 else kernel
    groups, rows, cols, *spatial = kernel.shape
    shape = matrix_shape(groups, rows, cols, tuple(spatial), how)
    if sides is not None:
        shape = Shape(max(sides), shape.m, shape.rf, shape.matrices)
    if (how.max_evals and shape.num_evals > how.max_evals) or (how.max_n and shape.n > how.max_n):
        return LayerResult(shape, None, LayerMetrics(), "too-large")
    stacked = kernel if how.split_groups else kernel.flatten(0, 1)[None]
    extremes, rows, cols = _extent(stacked, release)
    peak = max(extremes[1], -extremes[0])
    if not np.isfinite(peak):
        return LayerResult(shape, None, LayerMetrics(), "non-finite")
    if peak == 0:
        return LayerResult(shape, None, LayerMetrics(), "all-zero")
    alone = is_depthwise(kernel.shape, how)  # no matrix acts on its channels
    fitted = not (alone or (len(stacked) > 1 and shape.m < how.min_evals))
    has_bulk = fitted and sides is None and not (shape.rf > 1 and how.conv2d == "fft")
    try:
        by_matrix = spectrum(kernel, how, device, release)
        shuffled = shuffled_spectrum(kernel, how, device) if how.randomize and has_bulk else None
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return LayerResult(shape, None, LayerMetrics(), "failed")
    order = np.argsort(by_matrix, axis=None, kind="stable")
    evals = by_matrix.ravel()[order]
    told = np.isfinite(evals[-1]) and (shuffled is None or np.isfinite(shuffled).all())
    if not told or not evals[-1] > 0:  # squares beyond the precision's range
        return LayerResult(shape, None, LayerMetrics(), "failed")
    live = None
    if has_bulk:
        live = matrix_shape(1, rows, cols, tuple(spatial), how)
        live = replace(live, matrices=int(np.count_nonzero(by_matrix[:, -1])))
    if rounded:  # nothing of it shows in the spectrum of the difference
        unseen = np.zeros_like(by_matrix)
        apart = [rounding_noise(each, how, kind, unseen, release) for each, kind in rounded]
        noise = np.asarray(np.sum(apart, axis=0, dtype=np.float64))
    else:
        noise = rounding_noise(kernel, how, stored or kernel.dtype, by_matrix, release)
    double = (stored or kernel.dtype) == torch.float64 and how.dtype != "float32"
    precision = torch.float64 if double else torch.float32
    sliced = how.conv2d == "slices" and kernel.ndim > 3 and not alone
    parts: tuple[LayerResult, ...] = ()
    bulk = None
    if live is not None and live.m >= how.min_evals:
        bulk = fit_bulk(evals, live.n, live.m, live.matrices)
    if sliced:
        parts = _sliced(by_matrix, shape, how, live, shuffled, noise, precision)
        metrics, status = _averaged(parts)
    else:
        flat = None if shuffled is None else np.sort(shuffled, axis=None)
        by_value = np.repeat(noise, by_matrix.shape[1])[order]
        metrics, status = spectrum_metrics(
            evals,
            shape,
            how,
            flat,
            live=live,
            fitted=fitted,
            noise=by_value,
            precision=precision,
            bulk=bulk,
        )
    if status != "rank-one":
        further: dict[str, float | None] = {}
        if how.window and has_bulk and status != "too-few-evals":
            loudest = float(noise.max())
            further["farms_alpha"] = farms_alpha(kernel, how, device, loudest, precision)
        if live is not None and bulk is not None:
            alike = random_like(evals, kernel, live, stored or kernel.dtype, release, bulk)
            further["random_like"] = float(alike)
        if bias is not None:
            further |= _named("bias", entry_statistics(bias))
        if sides is None:  # else the entries are not those of the matrix
            further |= _named("weight", entry_statistics(kernel, extremes, release or _nothing))
        metrics = LayerMetrics(**(vars(metrics) | finite(further)))
    tail = None
    # Each slice has a tail of its own.
    if (
        how.tails == "judged"
        and not sliced
        and metrics.xmin is not None
        and metrics.xmax is not None
    ):
        tail = evals[(evals >= metrics.xmin) & (evals <= metrics.xmax)]
    parts = parts if len(parts) > 1 else ()
    return LayerResult(shape, evals, metrics, status, layer_warnings(metrics.alpha, tail), parts)


def _sliced(
    by_matrix: NDArray[np.float64],
    shape: Shape,
    how: Method,
    live: Shape | None,
    shuffled: NDArray[np.float64] | None,
    noise: NDArray[np.float64],
    precision: torch.dtype,
) -> tuple[LayerResult, ...]:
    """Every slice as a layer of its own."""
    one = replace(shape, matrices=1, rf=1)
    alive = None if live is None else replace(live, matrices=1)
    out = []
    for i, evals in enumerate(by_matrix):
        if not evals[-1] > 0:
            out.append(LayerResult(one, None, LayerMetrics(), "all-zero"))
            continue
        other = None if shuffled is None else shuffled[i]
        metrics, status = spectrum_metrics(
            evals, one, how, other, live=alive, noise=float(noise[i]), precision=precision
        )
        out.append(LayerResult(one, evals, metrics, status, layer_warnings(metrics.alpha, None)))
    return tuple(out)


def _averaged(slices: tuple[LayerResult, ...]) -> tuple[LayerMetrics, Status]:
    """Metrics of every slice, averaged over the slices that have them."""
    means = {}
    for field in fields(LayerMetrics):
        values = [v for each in slices if (v := getattr(each.metrics, field.name)) is not None]
        means[field.name] = float(np.mean(values)) if values else None
    statuses = [each.status for each in slices if each.status != "all-zero"]
    status = "success" if "success" in statuses else statuses[0]
    return LayerMetrics(**means), status


def _named(of: str, entries: EntryStatistics | None) -> dict[str, float | None]:
    return {} if entries is None else {f"{of}_{name}": v for name, v in vars(entries).items()}


def _nothing() -> None:
    pass


def _extent(
    kernel: torch.Tensor, release: Callable[[], None] | None
) -> tuple[tuple[float, float], int, int]:
    """The extremes of the entries, NaN if one is, and the sides without rows and columns of zeros.

    Of several groups it is their mean. A mapped kernel is gone through in parts.
    """
    if not kernel.numel():
        return (0.0, 0.0), 0, 0
    spatial = tuple(range(3, kernel.ndim))
    whole = [kernel] if release is None else torch.split(kernel, _ROWS, dim=1)
    lows, highs, by_col = [], [], []
    for part in whole:
        highs.append(part.amax((2, *spatial)))
        lows.append(part.amin((2, *spatial)))
        by_col.append(torch.maximum(part.amax((1, *spatial)), -part.amin((1, *spatial))))
        if release is not None:
            release()
    low, high = torch.cat(lows, dim=1), torch.cat(highs, dim=1)
    rows, cols = torch.maximum(high, -low), torch.stack(by_col).amax(dim=0)
    groups = max(1, int((rows > 0).any(dim=1).sum()))
    height, width = (max(1, round(int((side > 0).sum()) / groups)) for side in (rows, cols))
    return (float(low.amin()), float(high.amax())), height, width
