"""Two models' kinship, of their fingerprints."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.lineage.aligned_cka import aligned_cka
from zoo_analysis.pairwise.lineage.ancestry import is_coarser
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint
from zoo_analysis.pairwise.lineage.matched_units import IndependenceTest, combined_test, match_units
from zoo_analysis.pairwise.lineage.outline import Outline

#: Similarity after alignment from which on models are kin, where the stream was aligned by words,
#: and where by the inputs of the first layer; no p-value stands behind it. Of strangers trained
#: here on one task the most alike had 0.07 and 0.61 (docs/lineage.md).
KIN_BY_WORDS, KIN_BY_INPUTS = 0.3, 0.75


@dataclass(frozen=True)
class Kinship:
    """Two models' kinship in numbers; None where a number cannot be had.

    Attributes:
        test: that they are independent.
        aligned: mean CKA of the layers that read the stream, once that is aligned.
        aligned_layers: that it is of.
        alike: whether the two are too much alike after alignment for strangers.
        distance: ‖A − B‖ / √((‖A‖² + ‖B‖²)/2) over the sampled entries of the layers of one name
            and shape: 0 of a copy, about √2 of strangers.
        changed: share of the layers that differ at all.
        shared_layers: that both are of.
        coarser: 1 where the second was made of the first by rounding, quantising or pruning, −1
            the other way round, 0 where neither was.
        reasons: why numbers are missing.
    """

    test: IndependenceTest | None
    aligned: float | None
    aligned_layers: int
    alike: bool
    distance: float | None
    changed: float
    shared_layers: int
    coarser: int
    reasons: tuple[str, ...]


#: Two models of which nothing is known.
UNKNOWN: Final = Kinship(None, None, 0, False, None, 1.0, 0, 0, ())


def kinship(a: Fingerprint, b: Fingerprint) -> Kinship:
    """The kinship of two models.

    Args:
        a: one model's fingerprint.
        b: the other's.
    """
    reasons: list[str] = []
    matches = [match_units(a.units[name], b.units[name]) for name in a.units if name in b.units]
    if not matches:
        reasons.append(
            f"no layer with hidden units of its own has one name and shape in both: "
            f"{len(a.units)} and {len(b.units)} such layers"
        )
    values = _aligned(a, b, reasons)
    aligned = float(np.mean(values)) if values else None
    least = KIN_BY_WORDS if a.words and b.words else KIN_BY_INPUTS
    shared = [name for name in a.samples if name in b.samples]
    if not shared:
        reasons.append(f"none of {a.layers} and {b.layers} layers has one name and shape")
    distance, changed = _distance(a, b, shared) if shared else (None, 1.0)
    return Kinship(
        combined_test(matches) if matches else None,
        aligned,
        len(values),
        aligned is not None and aligned >= least,
        distance,
        changed,
        len(shared),
        _way(a, b, shared) if shared else 0,
        tuple(reasons),
    )


def apart(a: Outline, b: Outline) -> Kinship:
    """The kinship of two models that have no layer of one name and shape: nothing is known of it.

    Args:
        a: one model's outline.
        b: the other's.
    """
    reason = f"none of {len(a.specs)} and {len(b.specs)} layers has one name and shape"
    return replace(UNKNOWN, reasons=(reason,))


def _aligned(a: Fingerprint, b: Fingerprint, reasons: list[str]) -> list[float]:
    layers = {name[0]: (x, b.readers[name]) for name, x in a.readers.items() if name in b.readers}
    if a.basis is None or b.basis is None or a.words != b.words or not layers:
        reasons.append("no layer that reads the stream has one name and shape in both")
        return []
    try:
        values = aligned_cka(a.basis, b.basis, layers)
    except SimilarityError as error:
        reasons.append(str(error))
        return []
    if not values:
        reasons.append("CKA without bias is not defined of any layer that reads the stream")
    return list(values.values())


def _distance(
    a: Fingerprint, b: Fingerprint, shared: list[tuple[str, tuple[int, ...]]]
) -> tuple[float, float]:
    """The distance, and the share of layers that differ at all."""
    apart = sizes = 0.0
    differing = 0
    for name in shared:
        x, y = a.samples[name].astype(np.float64), b.samples[name].astype(np.float64)
        apart += float(((x - y) ** 2).sum())
        sizes += float((x**2).sum() + (y**2).sum()) / 2
        differing += not np.array_equal(x, y)
    return (float(np.sqrt(apart / sizes)) if sizes else 0.0), differing / len(shared)


def _way(a: Fingerprint, b: Fingerprint, shared: list[tuple[str, tuple[int, ...]]]) -> int:
    for sign, one, other in ((1, a, b), (-1, b, a)):
        pairs = [(one.samples[name], other.samples[name]) for name in shared]
        changed = [(x, y) for x, y in pairs if not np.array_equal(x, y)]
        if changed and all(is_coarser(x, y) for x, y in changed):
            return sign
    return 0
