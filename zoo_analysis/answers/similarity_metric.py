"""Similarity to a reference as a metric of models: ``likeness:MEASURE:REFERENCE``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from zoo_analysis.answers.names import NO_SIMILARITIES, check, the_one
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store

if TYPE_CHECKING:
    import pandas as pd

PREFIX: Final = "likeness:"

# The revision compared last stands for its model, and that of the reference for the reference. What
# is known of a model is of that revision, or else of another that was scanned.
_POINTS = """
SELECT * FROM (
    SELECT
        m.series, a.dataset, a.metric AS accuracy,
        concat_ws(' ', l.probe, l.mode, l.neurons, l.selection) AS method,
        l.repo_id, l.revision, a.value, a.source, 0 AS layers, {metrics}, 0 AS warnings,
        m.* EXCLUDE (repo_id, revision, series, source)
    FROM likeness l
    JOIN accuracy a ON a.repo_id = l.repo_id
    LEFT JOIN models m ON m.repo_id = l.repo_id
    WHERE l.measure = $measure AND l.other = $reference AND l.value IS NOT NULL
        AND l.repo_id <> l.other
    QUALIFY row_number() OVER (
        PARTITION BY
            l.repo_id, l.probe, l.mode, l.neurons, l.selection, a.dataset, a.metric, a.source
        ORDER BY
            l.computed_at DESC, l.revision DESC, l.other_revision DESC,
            m.revision = l.revision DESC NULLS LAST, m.revision
    ) = 1
)
WHERE (
{where}
)
ORDER BY dataset, accuracy, method, series, repo_id
"""


def is_similarity(metric: str) -> bool:
    """True for the name of a similarity to a reference."""
    return metric.partition(":")[0] == PREFIX.rstrip(":")


def similarity_points(
    store: Store, metric: str, others: Sequence[str], where: str
) -> "pd.DataFrame":
    """Models with their similarity to a reference and their reported accuracies.

    Args:
        store: with similarities and accuracies.
        metric: ``likeness:MEASURE:REFERENCE``; the reference is a repo_id, or a part that only one
            has. Values that were made in different ways have different methods: probe, mode,
            neurons and selection of layers.
        others: columns of `summaries`, left empty.
        where: a condition over the columns.

    Returns:
        The columns of `points.load_pairs`, with one that is called like the metric.

    Raises:
        QueryError: another form, or a measure or reference that the store has no similarity of.
    """
    measure, colon, reference = metric.removeprefix(PREFIX).partition(":")
    if not (metric.startswith(PREFIX) and measure and colon and reference):
        raise QueryError(f"metric {metric!r}: write likeness:MEASURE:REFERENCE")
    there = store.run("SELECT DISTINCT measure, other FROM likeness").to_pylist()
    if not there:
        raise QueryError(NO_SIMILARITIES)
    check(measure, sorted({row["measure"] for row in there}), "measure")
    known = sorted({row["other"] for row in there if row["measure"] == measure})
    named = '"' + metric.replace('"', '""') + '"'
    columns = [f"l.value AS {named}", *(f"NULL::DOUBLE AS {name}" for name in others)]
    rows: pd.DataFrame = store.run(
        _POINTS.format(metrics=", ".join(columns), where=where),
        {"measure": measure, "reference": the_one(reference, known, "reference")},
    ).to_pandas()
    return rows
