"""Similarities of models: the nearest to one, all with all, and the measures there are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from zoo_analysis.answers.defaults import NEAREST
from zoo_analysis.answers.names import NO_SIMILARITIES, check, the_one
from zoo_analysis.errors import QueryError, SimilarityError
from zoo_analysis.similarity import registry
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of

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
    l.value_from_other, l.calibrated, l.p_value, a.dataset, a.metric AS accuracy_metric,
    a.value AS accuracy, l.measure, l.probe, l.mode, l.neurons, l.selection, l.n_samples
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


@dataclass(frozen=True)
class DescribedMeasure:
    """A measure of similarity in words; all but name and source are null where it does not load."""

    measure: str
    of: str | None = None
    range: str | None = None
    higher: str | None = None
    invariant_to: str | None = None
    needs: str | None = None
    symmetric: bool | None = None
    max_samples: int | None = None
    source: str = ""


@dataclass(frozen=True)
class Chosen:
    """A choice among the similarities of a store.

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


def similar(
    store: Store | str | Path | None,
    model: str,
    measure: str = "neuronal",
    limit: int = NEAREST,
    *,
    probe: str | None = None,
    mode: str | None = None,
    neurons: str | None = None,
    layers: str | None = None,
) -> pa.Table:
    """The models most similar to one, the most similar first, with a reported accuracy of each.

    Args:
        store: a store, or what `open_store` takes.
        model: its repo_id, or a part that only one has.
        measure: of similarity; `measures` lists them.
        limit: most models.
        probe: only numbers over the probe whose id begins with this.
        mode: only of this mode: ``full`` or ``partial``.
        neurons: only of neurons counted this way.
        layers: only of this selection of layers.

    Returns:
        A row a model: repo_id, revision, series; value, and value_to_other and value_from_other
        where the measure is directed, in the measure's own unit; calibrated and p_value where
        `correlate` was told to `calibrate`; dataset, accuracy_metric and
        accuracy; and how the value was made.

    Raises:
        QueryError: no such model, or numbers; or numbers that were made in several ways, of which
            the arguments do not say which.
        StoreError: there is no store.
    """
    store = as_store(store)
    known = store.run("SELECT DISTINCT repo_id FROM likeness ORDER BY 1")["repo_id"].to_pylist()
    if not known:
        raise QueryError(NO_SIMILARITIES)
    repo_id = the_one(model, known, "model")
    key = _key(store, Chosen(measure, probe, mode, neurons, layers), repo_id)
    distance = get_measure(measure).higher == "less alike"
    return store.run(
        _NEAREST, asdict(key) | {"repo_id": repo_id, "distance": distance, "limit": limit}
    )


def matrix(
    store: Store | str | Path | None = None,
    measure: str = "neuronal",
    *,
    probe: str | None = None,
    mode: str | None = None,
    neurons: str | None = None,
    layers: str | None = None,
) -> pa.Table:
    """The similarities of all models with all, those of a series side by side.

    Args:
        store: a store, or what `open_store` takes.
        measure: of similarity; `measures` lists them.
        probe, mode, neurons, layers: as `similar` takes them.

    Returns:
        A row and a column a model, called by its repo_id, with ``@`` and the beginning of the
        revision where several of it were compared; null where there is no number, as on the
        diagonal.

    Raises:
        QueryError: no such numbers, or numbers that were made in several ways.
        StoreError: there is no store.
    """
    store = as_store(store)
    chosen = Chosen(measure, probe, mode, neurons, layers)
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
    names = _names(models)
    columns = {
        name: pa.array([values.get((*model, *other)) for model in models], pa.float64())
        for name, other in zip(names, models, strict=True)
    }
    return pa.table({"repo_id": pa.array(names, pa.string()), **columns})


def measures() -> pa.Table:
    """The measures of similarity: range, direction, invariances, needs, source.

    Returns:
        A row a measure; of a plug-in that does not load, the reason as its source.
    """
    return table_of(DescribedMeasure, map(_described, registry.measures()))


def _described(name: str) -> DescribedMeasure:
    try:
        measure = get_measure(name)
    except SimilarityError as error:
        return DescribedMeasure(name, source=str(error))
    low, high = measure.range
    return DescribedMeasure(
        measure.name,
        measure.of,
        f"{low:g} … {high:g}",
        measure.higher,
        ", ".join(sorted(measure.invariant_to)),
        ", ".join(sorted(measure.needs)) or None,
        measure.symmetric,
        measure.max_samples,
        measure.source,
    )


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
        raise QueryError(NO_SIMILARITIES)
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
