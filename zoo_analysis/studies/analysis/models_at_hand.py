"""Models that were compared partially, with the similarity of each two."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zoo_analysis.stats.computable import Floats
from zoo_analysis.store import Store

#: Whole-model values whose models' series are known, each pair both ways.
_STORED: Final = """
SELECT l.probe, l.neurons, l.selection, l.value, a.series,
    concat(l.repo_id, '@', l.revision) AS model, concat(l.other, '@', l.other_revision) AS other
FROM likeness l
JOIN models a ON a.repo_id = l.repo_id AND a.revision = l.revision
JOIN models b ON b.repo_id = l.other AND b.revision = l.other_revision
WHERE l.measure = $measure AND l.mode = 'partial' AND l.value IS NOT NULL
    AND a.series IS NOT NULL AND b.series IS NOT NULL
ORDER BY model, other
"""


@dataclass(frozen=True)
class Models:
    """Models and the similarity of each two.

    Attributes:
        series: (n,) of each.
        similarity: (n × n), symmetric; NaN where two cannot be compared.
        whose: which models these are, in words.
        twins: (n × n), which two began as the same network, where that is known.
        rows: of the table `similarities`, where they were compared here.
    """

    series: tuple[str, ...]
    similarity: Floats
    whose: str
    twins: NDArray[np.bool_] | None = None
    rows: pa.Table | None = None


def stored(store: Store, measure: str) -> Models | None:
    """The models that a store holds partial comparisons of, under one probe and one selection.

    Of several the one with the most pairs; None where there are not two models in each of two
    series.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in store.run(_STORED, {"measure": measure}).to_pylist():
        groups.setdefault((row["probe"], row["neurons"], row["selection"]), []).append(row)
    if not groups:
        return None
    (probe, *_), rows = max(groups.items(), key=lambda group: len(group[1]))
    series = {row["model"]: row["series"] for row in rows}  # each pair is there both ways
    if sum(n > 1 for n in Counter(series.values()).values()) < 2:
        return None
    number = {name: i for i, name in enumerate(series)}
    similarity = np.full((len(series),) * 2, np.nan)
    for row in rows:
        similarity[number[row["model"]], number[row["other"]]] = row["value"]
    return Models(tuple(series.values()), similarity, f"models of the store shown {probe}")
