"""A pair's kinship as rows of the table `lineage`, and back, so that none is computed again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from zoo_analysis.pairwise.lineage.kinship import Kinship
from zoo_analysis.pairwise.lineage.matched_units import IndependenceTest
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow

#: Version of all that decides a number of a pair: rows of another one are computed anew.
METHOD: Final = "lineage-1"
#: Measures in the order of a pair's rows.
MEASURES: Final = (
    *("units", "spearman", "aligned_cka", "distance", "changed", "coarser"),
    "kinship",
)


def pair_rows(
    key: KinshipRow, found: Kinship, kurtosis: tuple[float | None, float | None], note: str = ""
) -> list[KinshipRow]:
    """Rows of what was computed of a pair, of which nothing is judged yet; the last is `kinship`.

    Args:
        key: whose they are.
        found: the pair's kinship.
        kurtosis: of either model, summed over its layers; None where it was not read.
        note: layers that nothing is told by.
    """
    key = replace(key, method=METHOD)
    rows: list[KinshipRow] = []
    if (test := found.test) is not None:
        of = replace(key, n=test.units, layers=test.layers)
        rows += [
            _tested(replace(of, measure="units", value=test.share), test.log_p),
            _tested(replace(of, measure="spearman", value=test.spearman), test.spearman_log_p),
        ]
    if found.aligned is not None:
        of = replace(key, layers=found.aligned_layers, related=found.alike)
        rows.append(replace(of, measure="aligned_cka", value=found.aligned))
    if found.distance is not None:
        shared = replace(key, layers=found.shared_layers)
        rows.append(replace(shared, measure="distance", value=found.distance))
        rows.append(replace(shared, measure="changed", value=found.changed))
        if found.coarser:
            rows.append(replace(shared, measure="coarser", value=float(found.coarser)))
    a, b = kurtosis
    rows.append(
        replace(
            key,
            measure="kinship",
            value=None if a is None or b is None else b - a,
            kurtosis_a=a,
            kurtosis_b=b,
            reason="; ".join(found.reasons) or None,
            note=note or None,
        )
    )
    return rows


def kinship_of(rows: Sequence[KinshipRow]) -> Kinship:
    """A pair's kinship, of its rows.

    Args:
        rows: of one pair, as `pair_rows` makes them.
    """
    by: Mapping[str, KinshipRow] = {row.measure: row for row in rows}
    aligned, distance = by.get("aligned_cka"), by.get("distance")
    return Kinship(
        _test(by["units"], by["spearman"]) if "units" in by else None,
        None if aligned is None else aligned.value,
        0 if aligned is None else aligned.layers or 0,
        aligned is not None and bool(aligned.related),
        None if distance is None else distance.value,
        _value(by.get("changed"), 1.0),
        0 if distance is None else distance.layers or 0,
        int(_value(by.get("coarser"), 0.0)),
        tuple(filter(None, [by["kinship"].reason])),
    )


def _tested(row: KinshipRow, log_p: float) -> KinshipRow:
    return replace(row, p_value=math.exp(log_p), log10_p=log_p / math.log(10))


def _test(units: KinshipRow, spearman: KinshipRow) -> IndependenceTest:
    n = units.n or 0
    return IndependenceTest(
        units.layers or 0,
        n,
        round(_value(units, 0.0) * n),
        _value(spearman, 0.0),
        (units.log10_p or 0.0) * math.log(10),
        (spearman.log10_p or 0.0) * math.log(10),
    )


def _value(row: KinshipRow | None, otherwise: float) -> float:
    return otherwise if row is None or row.value is None else row.value
