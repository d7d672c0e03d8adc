"""Layers whose spectral norm is off the scale of the layers that they can be compared with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.answers.remarks.finding import (
    Finding,
    counted,
    extent,
    in_words,
    interval,
    listed,
)
from zoo_analysis.stats import robust_z, share
from zoo_analysis.texts import typeset

if TYPE_CHECKING:
    import pandas as pd

#: |robust z| of an outlier (Iglewicz & Hoaglin 1993).
OUTLIER: Final = 3.5
#: Decades of λ_max that an outlier is off by at least: z alone calls one in eight small groups odd.
OFF_SCALE: Final = 1.0
#: Sides of comparable layers differ by this factor at most.
COMPARABLE: Final = 2.0
#: Layers of a kind and shape that make a scale.
FEWEST: Final = 6


def scale_collapse(layers: "pd.DataFrame") -> Finding:
    """Layers whose spectral norm is far from that of layers of their kind and shape."""
    name, norms = "scale collapse", layers["log_spectral_norm"].to_numpy(dtype=float)
    z, off, finite = np.full(len(norms), np.nan), np.full(len(norms), np.nan), np.isfinite(norms)
    for members, comparable in _comparable(layers):
        own, alike = members & finite, comparable & finite
        if alike.sum() < FEWEST or not own.any():
            continue
        others = norms[alike]
        z[own] = robust_z(others)[own[alike]]
        off[own] = norms[own] - np.median(others)
    compared = int(np.isfinite(z).sum())
    if not compared:
        return Finding(
            name, "not told", f"no layer has {FEWEST - 1} others of its kind and shape beside it"
        )
    odd = (np.abs(z) > OUTLIER) & (np.abs(off) >= OFF_SCALE)
    small, large = odd & (off < 0), odd & (off > 0)
    few = share(int(small.sum()), compared)
    numbers = {
        "compared": compared,
        **interval("small", few),
        "large": int(large.sum()),
        "lowest_z": float(np.nanmin(z)),
        "highest_z": float(np.nanmax(z)),
    }
    rest = f"; {counted(len(norms) - compared)} without comparable ones" * (compared < len(norms))
    names = layers["layer"][odd].tolist()
    if not names:
        text = f"none of {counted(compared)} is a decade off those of its kind and shape{rest}"
        return Finding(name, "none", text, numbers)
    told = [
        f"{layer} (10^{typeset(f'{by:+.1f}')})" for layer, by in zip(names, off[odd], strict=True)
    ]
    verdict = extent("collapsed", few) if small.any() else "large norms"
    text = (
        f"{in_words(few)} have an anomalously small and {int(large.sum())} a large spectral norm "
        f"beside those of their kind and shape: {listed(told)}{rest}"
    )
    return Finding(name, verdict, text, numbers, tuple(names))


def _comparable(layers: "pd.DataFrame") -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Layers of each kind and shape, and those that they can be compared with."""
    shapes = [tuple(shape) if shape is not None else () for shape in layers["shape"]]
    numbers: dict[tuple[str, tuple[int, ...]], int] = {}
    keys = zip(layers["kind"], shapes, strict=True)
    group = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=int)
    alike: dict[tuple[str, tuple[int, ...]], int] = {}
    kinds = np.array([alike.setdefault((k, shape[2:]), len(alike)) for k, shape in numbers])
    sides = np.log([(*shape[:2], 1, 1)[:2] for _, shape in numbers])
    told = np.array([len(shape) > 1 for _, shape in numbers])
    for number in np.flatnonzero(told):
        near = (np.abs(sides - sides[number]) <= np.log(COMPARABLE) + 1e-9).all(axis=1)
        yield group == number, (near & (kinds == kinds[number]) & told)[group]
