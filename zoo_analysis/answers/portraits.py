"""All that the store knows of many models, each by the revision and method that rankings take."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from zoo_analysis.answers.defaults import NEAREST
from zoo_analysis.answers.diagnosis import Diagnosis, among_series, layer_findings
from zoo_analysis.answers.model import ModelReport
from zoo_analysis.answers.ranking import Place, places_among
from zoo_analysis.spectra.methods import DELTA, SLICE
from zoo_analysis.spectra.metrics import SHOWN
from zoo_analysis.store import Store

if TYPE_CHECKING:
    import pandas as pd

#: Relatives of a model, and layers of a difference, that a portrait has at most.
RELATIVES, CHANGED = 50, 100
#: Layers that are held at a time, unless one model has more.
_LAYERS_AT_ONCE: Final = 4_000
_SHOWN: Final = (
    *("depth", "layer", "kind", "role", "shape", "N", "M", "num_evals"),
    *SHOWN,
    *("status", "warning"),
)

_CHOSEN: Final = """
SELECT l.repo_id, l.revision, l.method
FROM latest l LEFT JOIN models m USING (repo_id, revision)
JOIN raw.method_order o ON o.method = l.method AND o.series IS NOT DISTINCT FROM m.series
WHERE l.repo_id IN (SELECT unnest($models))
QUALIFY row_number() OVER (PARTITION BY l.repo_id ORDER BY o.method_order) = 1
"""
_AVERAGES: Final = """
SELECT s.*, c.committed_at,
    (s.repo_id, s.revision, s.method) IN (SELECT (repo_id, revision, method) FROM latest) AS latest
FROM summaries s JOIN commits c USING (repo_id, revision, method)
ORDER BY c.committed_at DESC
"""
_COUNTS: Final = "SELECT repo_id, count(*) AS layers FROM layers GROUP BY repo_id"
_ACCURACIES: Final = """
SELECT repo_id, dataset, metric, split, value, source, source_url FROM accuracies ORDER BY ALL
"""
_LEFT_OUT: Final = """
SELECT repo_id, revision, tensor, count, elements, reason FROM left_out
ORDER BY elements DESC, tensor
"""
_LAYERS: Final = """
SELECT l.*, n.layer IS NOT NULL AS in_network
FROM (FROM layers WHERE repo_id IN (SELECT unnest($models))) l
LEFT JOIN (
    SELECT repo_id, revision, method, layer FROM network_layers
    WHERE repo_id IN (SELECT unnest($models))
) n USING (repo_id, revision, method, layer)
ORDER BY l.repo_id, l.depth, l.layer
"""
_NEAREST: Final = """
SELECT repo_id, measure, probe, mode, neurons, selection, other, value
FROM likeness
WHERE repo_id IN (SELECT unnest($models)) AND value IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY repo_id, measure, probe, mode, neurons, selection
    ORDER BY if(measure IN (FROM raw.distances), value, -value), other
) <= $nearest
ORDER BY repo_id, measure, probe, mode, neurons, selection,
    if(measure IN (FROM raw.distances), value, -value), other
"""
#: Each other model once, by the revisions of the two that were compared last.
_COMPARED: Final = """
SELECT * FROM (
    SELECT repo_id_a AS repo_id, repo_id_b AS other, * FROM raw.kinship
    UNION ALL SELECT repo_id_b, repo_id_a, * FROM raw.kinship
)
WHERE repo_id IN (SELECT unnest($models)) AND repo_id <> other
QUALIFY row_number() OVER (
    PARTITION BY repo_id, other ORDER BY computed_at DESC, revision_a, revision_b
) = 1
"""
_COUNTED: Final = f"SELECT repo_id, count(*) AS compared FROM ({_COMPARED}) GROUP BY ALL"
_KIN: Final = f"""
SELECT *, count(*) OVER (PARTITION BY repo_id) AS of FROM ({_COMPARED})
WHERE related OR declared IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY repo_id ORDER BY NOT step, parent = repo_id NULLS LAST, distance NULLS LAST, other
) <= {RELATIVES}
ORDER BY repo_id, NOT step, parent = repo_id NULLS LAST, distance NULLS LAST, other
"""
_FORECASTS: Final = """
FROM forecasts WHERE repo_id IN (SELECT unnest($models)) ORDER BY repo_id, dataset, metric, level
"""
_DELTAS: Final = f"""
SELECT repo_id, method, layer, shape, relative_change, effective_rank, num_intruders, status,
    note, count(*) OVER each AS layers, median(relative_change) OVER each AS middle,
    sum(num_intruders) OVER each AS intruders, count(num_intruders) OVER each AS told
FROM (
    FROM layers JOIN latest USING (repo_id, revision, method)
    WHERE repo_id IN (SELECT unnest($models)) AND starts_with(method, '{DELTA}')
        AND role IS DISTINCT FROM '{SLICE}'
)
WINDOW each AS (PARTITION BY repo_id, method)
QUALIFY row_number() OVER (
    PARTITION BY repo_id, method ORDER BY relative_change DESC NULLS LAST, depth, layer
) <= {CHANGED}
ORDER BY repo_id, committed_at DESC, method, relative_change DESC NULLS LAST, depth, layer
"""


@dataclass(frozen=True)
class Portrait:
    """All that the store knows of one model, by the revision and method that rankings take.

    Attributes:
        diagnosis: the model's report and the findings on it.
        layers: its rows of `layers`, every column, in the order of depth.
        revisions: its rows of `summaries`, of every revision and method, the last committed first.
        nearest: the most similar models under each measure that they were compared by: measure,
            probe, mode, neurons, selection, other, value.
        compared: models that its lineage was compared with.
        kin: of these who is kin by weights or by cards, those that the tree joins to it first: rows
            of `kinship` with `other`, and `of` how many there are; at most `RELATIVES`.
        forecasts: its rows of `forecasts`.
        deltas: layers of its differences from bases, those that changed most first, with counts
            of all under each method; at most `CHANGED` a method.
    """

    diagnosis: Diagnosis
    layers: pa.Table
    revisions: tuple[Mapping[str, Any], ...]
    nearest: tuple[Mapping[str, Any], ...]
    compared: int
    kin: tuple[Mapping[str, Any], ...]
    forecasts: tuple[Mapping[str, Any], ...]
    deltas: tuple[Mapping[str, Any], ...]

    @property
    def report(self) -> ModelReport:
        """The model's averages, warnings, accuracies and what was left out of it."""
        return self.diagnosis.model


def portraits(store: Store, models: Sequence[str]) -> Iterator[list[Portrait]]:
    """Portraits of models, some at a time, in the order of their names.

    Args:
        store: that has them.
        models: repository ids, each in the store.
    """
    chosen = {row["repo_id"]: row for row in store.run(_CHOSEN, {"models": [*models]}).to_pylist()}
    described = {
        (row["repo_id"], row["revision"]): row for row in store.run("FROM models").to_pylist()
    }
    averages = store.run(_AVERAGES)
    places = _Places(averages.to_pandas())
    revisions = defaultdict(list)
    for row in averages.to_pylist():
        revisions[row["repo_id"]].append(row)
    accuracies = _Rows(store.run(_ACCURACIES), "repo_id")
    left_out = _Rows(store.run(_LEFT_OUT), "repo_id", "revision")
    for batch in _batches(store, [name for name in models if name in chosen]):
        layers = _Rows(store.run(_LAYERS, {"models": batch}), "repo_id", "revision", "method")
        nearest = _by_model(store, _NEAREST, batch, nearest=NEAREST)
        kin, forecasts, deltas = (
            _by_model(store, query, batch) for query in (_KIN, _FORECASTS, _DELTAS)
        )
        counts = store.run(_COUNTED, {"models": batch}).to_pylist()
        compared = {row["repo_id"]: row["compared"] for row in counts}
        made: list[Portrait] = []
        for repo_id in batch:
            key = chosen[repo_id]
            mine = next(row for row in revisions[repo_id] if key.items() <= row.items())
            table = layers.of(*key.values())
            network = table.filter(table["in_network"]).to_pandas()
            warnings = table["warning"].drop_null().to_pylist()
            report = ModelReport(
                **key,
                model=described[repo_id, key["revision"]],
                averages=mine,
                layers=table.select(_SHOWN),
                warnings=Counter(name for text in warnings for name in text.split(", ")),
                left_out=left_out.of(repo_id, key["revision"]),
                accuracies=accuracies.of(repo_id),
            )
            among = among_series(mine["series"], places.of(mine))
            diagnosis = Diagnosis(report, (*layer_findings(network), among))
            own = tuple(revisions[repo_id])
            made.append(
                Portrait(
                    diagnosis,
                    table,
                    own,
                    tuple(nearest[repo_id]),
                    compared.get(repo_id, 0),
                    tuple(kin[repo_id]),
                    tuple(forecasts[repo_id]),
                    tuple(deltas[repo_id]),
                )
            )
        yield made


def _by_model(
    store: Store, query: str, models: Sequence[str], **asked: Any
) -> defaultdict[str, list[dict[str, Any]]]:
    """Rows of a question on models, by their repository ids."""
    found = defaultdict(list)
    for row in store.run(query, {"models": [*models], **asked}).to_pylist():
        found[row["repo_id"]].append(row)
    return found


class _Places:
    """Places of models among those of their series, whose averages are looked up once a series."""

    def __init__(self, averages: "pd.DataFrame") -> None:
        latest = averages[averages["latest"]]
        self._series = dict(iter(latest.groupby(["series", "method"])))

    def of(self, mine: Mapping[str, Any]) -> tuple[Place, ...]:
        if mine["series"] is None:
            return ()
        rows = self._series[mine["series"], mine["method"]]
        return places_among(rows, mine["repo_id"], mine["revision"])


class _Rows:
    """The rows of a table by the values of some columns."""

    def __init__(self, table: pa.Table, *columns: str) -> None:
        self._table = table
        self._places: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        keys = zip(*(table[name].to_pylist() for name in columns), strict=True)
        for place, key in enumerate(keys):
            self._places[key].append(place)

    def of(self, *key: Any) -> pa.Table:
        return self._table.take(pa.array(self._places[key], pa.int64()))


def _batches(store: Store, models: Sequence[str]) -> Iterator[list[str]]:
    counts = {row["repo_id"]: row["layers"] for row in store.run(_COUNTS).to_pylist()}
    batch: list[str] = []
    held = 0
    for name in sorted(models):
        if batch and held + counts.get(name, 0) > _LAYERS_AT_ONCE:
            yield batch
            batch, held = [], 0
        batch.append(name)
        held += counts.get(name, 0)
    if batch:
        yield batch
