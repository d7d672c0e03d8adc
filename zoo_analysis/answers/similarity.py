"""How alike models are: the nearest to one, all with all, and the measures there are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from zoo_analysis.answers.names import check, the_one
from zoo_analysis.errors import QueryError, SimilarityError
from zoo_analysis.similarity.registry import get_measure, measures
from zoo_analysis.store import Store

_KEYS = """
SELECT DISTINCT measure, probe, mode, neurons, selection FROM likeness
WHERE $repo_id IS NULL OR repo_id = $repo_id
ORDER BY ALL
"""
_OF = """
measure = $measure AND probe = $probe AND mode = $mode AND neurons = $neurons
AND selection = $selection
"""
_SERIES = "SELECT repo_id, min(series) AS series FROM models GROUP BY repo_id"
_NEAREST = f"""
SELECT
    l.other AS repo_id, l.other_revision AS revision, m.series, l.value, l.value_to_other,
    l.value_from_other, a.dataset, a.metric AS accuracy_metric, a.value AS accuracy, l.measure,
    l.probe, l.mode, l.neurons, l.selection, l.n_samples
FROM likeness l
LEFT JOIN ({_SERIES}) m ON m.repo_id = l.other
LEFT JOIN accuracy a ON a.repo_id = l.other
WHERE {_OF} AND l.repo_id = $repo_id AND l.value IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY l.other, l.other_revision
    ORDER BY l.computed_at DESC, l.revision,
        list_position(['accuracy', 'top1'], a.metric) NULLS LAST, a.dataset, a.metric
) = 1
ORDER BY if($distance, l.value, -l.value), l.other, l.other_revision
LIMIT $limit
"""
_MATRIX = f"""
SELECT l.repo_id, l.revision, l.other, l.other_revision, l.value FROM likeness l WHERE {_OF}
"""
_COLUMNS = (
    *("measure", "of", "range", "higher", "invariant_to", "symmetric", "max_samples", "source"),
)


@dataclass(frozen=True)
class Chosen:
    """Which numbers of the store.

    Attributes:
        measure: its name.
        probe: the beginning of its id; None where there is only one.
        mode: likewise, as all below: the whole of it.
        neurons: what was counted as a neuron.
        selection: of layers.
    """

    measure: str
    probe: str | None = None
    mode: str | None = None
    neurons: str | None = None
    selection: str | None = None


def nearest(store: Store, model: str, chosen: Chosen, limit: int = 10) -> pa.Table:
    """The models most like one, the most alike first.

    Args:
        store: with similarities.
        model: its repo_id, or a part that only one has.
        chosen: which numbers.
        limit: most models.

    Raises:
        QueryError: no such model, or numbers; or numbers that were made in several ways, of which
            `chosen` does not say which.
    """
    repo_id = _found(store, model)
    key = _key(store, chosen, repo_id)
    distance = get_measure(chosen.measure).higher == "less alike"
    return store.run(
        _NEAREST, asdict(key) | {"repo_id": repo_id, "distance": distance, "limit": limit}
    )


def likeness_matrix(store: Store, chosen: Chosen) -> pa.Table:
    """All models by all models, those of a series side by side.

    Args:
        store: with similarities.
        chosen: which numbers.

    Returns:
        A row and a column a model, called by its repo_id, with ``@`` and the beginning of the
        revision where several of it were compared; null where there is no number, as on the
        diagonal.

    Raises:
        QueryError: as `nearest`.
    """
    rows = store.run(_MATRIX, asdict(_key(store, chosen, None))).to_pylist()
    series = {row["repo_id"]: row["series"] or "" for row in store.run(_SERIES).to_pylist()}
    models = sorted(
        {(row["repo_id"], row["revision"]) for row in rows},
        key=lambda model: (series.get(model[0], ""), *model),
    )
    values = {
        (row["repo_id"], row["revision"], row["other"], row["other_revision"]): row["value"]
        for row in rows
    }
    columns = {
        name: pa.array([values.get((*model, *other)) for model in models], pa.float64())
        for name, other in zip(_names(models), models, strict=True)
    }
    return pa.table({"repo_id": pa.array(_names(models), pa.string()), **columns})


def measure_table() -> pa.Table:
    """What is known of each measure; of one that does not load, why."""
    return pa.Table.from_pylist([_described(name) for name in measures()])


def _described(name: str) -> dict[str, Any]:
    try:
        measure = get_measure(name)
    except SimilarityError as error:
        return dict.fromkeys(_COLUMNS) | {"measure": name, "source": str(error)}
    low, high = measure.range
    values = (
        measure.name,
        measure.of,
        f"{low:g} … {high:g}",
        measure.higher,
        ", ".join(sorted(measure.invariant_to)),
        measure.symmetric,
        measure.max_samples,
        measure.source,
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _names(models: Sequence[tuple[str, str]]) -> list[str]:
    ids = [repo_id for repo_id, _ in models]
    return [
        repo_id if ids.count(repo_id) == 1 else f"{repo_id}@{revision.removeprefix('sha256-')[:8]}"
        for repo_id, revision in models
    ]


def _key(store: Store, chosen: Chosen, repo_id: str | None) -> Chosen:
    """The one way in which the chosen numbers were made."""
    there = [Chosen(**row) for row in store.run(_KEYS, {"repo_id": repo_id}).to_pylist()]
    if not there:
        raise QueryError("the store holds no similarities: run `zoo correlate`")
    check(chosen.measure, sorted({key.measure for key in there}), "measure")
    left = [key for key in there if key.measure == chosen.measure]
    for name in ("probe", "mode", "neurons", "selection"):
        wanted = getattr(chosen, name)
        known = sorted({getattr(key, name) for key in left})
        if wanted is not None:
            fits = [v for v in known if v == wanted or (name == "probe" and v.startswith(wanted))]
            if not fits:
                check(wanted, known, name)
            left = [key for key in left if getattr(key, name) in fits]
            known = fits
        if len(known) > 1:
            option = "layers" if name == "selection" else name
            raise QueryError(
                f"{chosen.measure} is there with {len(known)} different {option}: choose one with "
                f"--{option}: {', '.join(known)}"
            )
    return left[0]


def _found(store: Store, name: str) -> str:
    known = store.run("SELECT DISTINCT repo_id FROM likeness ORDER BY 1")["repo_id"].to_pylist()
    if not known:
        raise QueryError("the store holds no similarities: run `zoo correlate`")
    return the_one(name, known, "model")
