"""Findings of a scan: which of its models look random, are warned of, or stand out in a series."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zoo_analysis.answers.defaults import RANKED_BY
from zoo_analysis.store import Store, as_store
from zoo_analysis.texts import few

#: Models that a line names.
_NAMED: Final = 3

_OF_SCAN = """
SELECT c.repo_id, v.series, v.looks_random, v.random_like
FROM commits c
JOIN summary_values($metric, 'all') v USING (repo_id, revision, method)
WHERE c.scan_id = $scan_id AND c.method = $method
ORDER BY v.random_like DESC NULLS LAST, c.repo_id
"""
#: All layers, as `zoo query warnings` and `zoo query layers` have them, averaged or not.
_LAYERS = """
SELECT count(*) AS layers, count(l.warning) AS warned,
    count(DISTINCT (l.repo_id, l.revision)) FILTER (l.warning IS NOT NULL) AS in_models
FROM layers l JOIN commits c USING (repo_id, revision, method)
WHERE c.scan_id = $scan_id AND c.method = $method
"""
_WITHOUT = """
SELECT l.status, count(*) AS layers
FROM layers l JOIN commits c USING (repo_id, revision, method)
WHERE c.scan_id = $scan_id AND c.method = $method
    AND l.status NOT IN ('success', 'too-few-evals')
GROUP BY l.status ORDER BY ALL
"""


@dataclass(frozen=True)
class Findings:
    """Findings of a scan, for a reader.

    Attributes:
        told: sentences: how many of its models look random, how many layers are warned of or have
            no number, and which model ranks first and last in the series of which it scanned most.
        following: the command to go on with.
    """

    told: tuple[str, ...]
    following: str


def scan_findings(store: Store | str | Path | None, scan_id: str, method: str) -> Findings | None:
    """The findings of one scan; None where it committed nothing.

    Args:
        store: a store, or what `open_store` takes.
        scan_id: of the scan.
        method: by which it measured.

    Raises:
        StoreError: there is no store.
    """
    store, metric = as_store(store), RANKED_BY[0]
    key = {"scan_id": scan_id, "method": method, "metric": metric}
    models = store.run(_OF_SCAN, key).to_pylist()
    if not models:
        return None
    random = [
        f"{row['repo_id']} ({100 * row['random_like']:.0f} %)"
        for row in models
        if row["looks_random"]
    ]
    judged = sum(row["random_like"] is not None for row in models)
    of_scan = {"scan_id": scan_id, "method": method}
    (layers,) = store.run(_LAYERS, of_scan).to_pylist()
    told = [
        f"{len(random)} of {judged} models look random, by their share of such layers"
        f"{_named(random)}" + (" (said of spectra, not of accuracy)" if random else ""),
        f"{layers['warned']} of {layers['layers']} layers have a warning, in "
        f"{layers['in_models']} of {len(models)} models: zoo query warnings",
    ]
    if without := store.run(_WITHOUT, of_scan).to_pylist():
        kinds = ", ".join(f"{row['layers']} {row['status']}" for row in without)
        told.append(
            f"{sum(row['layers'] for row in without)} of {layers['layers']} layers have no number: "
            f"{kinds} (docs/methods.md)"
        )
    series = _most([row["series"] for row in models if row["series"] is not None])
    of_series = _ranked(store, series, method) if series else []
    ranked = [row for row in of_series if row["remark"] is None]
    some_random = len(ranked) < len(of_series)
    if len(ranked) < 2:
        return Findings(tuple(told), f"zoo show {shlex.quote(models[0]['repo_id'])}")
    told.append(
        f"in series {series}, by {metric} (lower is better): {_valued(ranked[0])} first, "
        f"{_valued(ranked[-1])} last of {len(ranked)}{' that do not look random' * some_random}"
    )
    return Findings(tuple(told), f"zoo query leaderboard -p {shlex.quote(f'series={series}')}")


def _ranked(store: Store, series: str, method: str) -> list[dict[str, Any]]:
    """The models of a series that have a rank, the first first; those that look random last."""
    asked = {"series": series, "method": method, "limit": None}
    rows = store.run("leaderboard", asked).to_pylist()
    return [row for row in rows if row["rank"] is not None]


def _most(names: list[str]) -> str | None:
    return max(sorted(set(names)), key=names.count, default=None)


def _valued(row: dict[str, Any]) -> str:
    return f"{row['repo_id']} ({row['value']:.4g})"


def _named(names: list[str]) -> str:
    return f": {few(names, _NAMED)}" if names else ""
