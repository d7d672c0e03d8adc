"""`zoo predict`: accuracies of models of which none is reported, and what predicts them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.answers.defaults import ACCURACY, LEVEL
from zoo_analysis.answers.prediction.labelled import labelled
from zoo_analysis.answers.prediction.one_dataset import DatasetPrediction, DatasetPredictor
from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import listed
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.row_kinds.accuracy import PredictedAccuracy
from zoo_analysis.store.runs import new_run_id
from zoo_analysis.texts import few

_KEPT: Final = "SELECT repo_id, dataset, metric, level FROM predictions WHERE of_version = $v"

#: What a reader is shown of the rows.
READER_COLUMNS: Final = (
    *("repo_id", "dataset", "predicted", "low", "high", "level", "reported", "verdict"),
    *("interval", "predictor", "models", "series", "reason", "revision"),
)


@dataclass(frozen=True, kw_only=True)
class Prediction(PredictedAccuracy):
    """A prediction beside what is reported, which it was made without.

    Attributes:
        reported: the reported accuracy; None where there is none yet.
        verdict: ``inside`` or ``outside`` the interval.
        release: whether a watch has seen it.
    """

    reported: float | None = None
    verdict: str | None = None
    release: bool = False


@dataclass(frozen=True)
class Predictions:
    """Predicted accuracies, and what they are predicted by.

    Attributes:
        rows: of each model and data set, new releases first.
        datasets: what predicts on each data set.
        too_few: of each data set that was passed over why no model gets an interval there.
    """

    rows: tuple[Prediction, ...]
    datasets: tuple[DatasetPrediction, ...]
    too_few: tuple[str, ...] = ()

    @property
    def table(self) -> pa.Table:
        """The rows as a table."""
        return table_of(Prediction, self.rows)

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain values."""
        return {
            "predictions": self.table.to_pylist(),
            "datasets": [asdict(each) | {"words": each.words} for each in self.datasets],
            "too_few": list(self.too_few),
        }


def predict(
    store: Store | str | Path | None = None,
    models: Sequence[str] | str = (),
    dataset: str | None = None,
    *,
    accuracy: str = ACCURACY,
    method: str | None = None,
    where: str | None = None,
    level: float = LEVEL,
    keep: bool = True,
) -> Predictions:
    """Accuracies of models of which none is reported, with intervals that hold.

    What predicts is chosen by leaving out whole series among the models with a report, and what it
    is predicted for takes no part: docs/statistics.md. A model that is out of the range of these,
    or that too few of them stand for, is not predicted, and the reason is told.

    Args:
        store: a store, or what `open_store` takes.
        models: repo_ids to predict, or parts that only one has, even where something is reported of
            them: it is set aside, and then set beside the prediction. Empty for all without a
            report.
        dataset: only on this data set; else on all with reports enough for intervals.
        accuracy: kind of accuracy: ``top1`` (or ``accuracy``), ``top5``, ….
        method: only methods whose id begins with this.
        where: an SQL condition on models, as `zoo regress` takes it.
        level: of coverage that the intervals are made for, within 0 and 1.
        keep: add the predictions of what nobody has reported yet to the table `predictions`, once
            for each version of what they are made of, for `zoo query prediction-record`.

    Raises:
        QueryError: nothing measured, nothing reported, a name that is not there, or a level that is
            none.
        StoreError: there is no store, or it cannot be written.
    """
    if not 0 < level < 1:
        raise QueryError(f"level is {level:g}: give a share within 0 and 1, such as {LEVEL}")
    store = as_store(store)
    known = labelled(store, dataset, accuracy, method, where, listed(models))
    rows: list[Prediction] = []
    datasets: list[DatasetPrediction] = []
    too_few: list[str] = []
    for data in known:
        predictor = DatasetPredictor(data, level)
        if dataset is None and (why := predictor.too_few):
            too_few.append(why)
            continue
        told, found = predictor.all()
        datasets.append(told)
        values = data.wanted["value"].tolist()
        seen = data.wanted["seen_at"].notna().tolist()
        rows += [_beside(*each) for each in zip(found, values, seen, strict=True)]
    rows.sort(key=lambda row: not row.release)
    if keep:
        _keep(store, [row for row in rows if row.reported is None])
    return Predictions(tuple(rows), tuple(datasets), tuple(too_few))


def _beside(row: PredictedAccuracy, value: float, seen: bool) -> Prediction:
    """A prediction beside what is reported (NaN: nothing)."""
    reported = None if value != value else float(value)
    verdict = None
    if reported is not None and row.low is not None and row.high is not None:
        verdict = "inside" if row.low <= reported <= row.high else "outside"
    return Prediction(**vars(row), reported=reported, verdict=verdict, release=seen)


def _keep(store: Store, rows: Sequence[Prediction]) -> None:
    """Add rows to the table `predictions`, once for each version of what they are made of."""
    version = store.version_of("models", "layers", "averages", "accuracies", "assigned_series")
    kept = {tuple(row.values()) for row in store.run(_KEPT, {"v": version}).to_pylist()}
    run_id = new_run_id("predict")
    names = PredictedAccuracy.__dataclass_fields__
    new = [
        replace(
            PredictedAccuracy(**{name: getattr(row, name) for name in names}),
            run_id=run_id,
            of_version=version,
        )
        for row in rows
        if (row.repo_id, row.dataset, row.metric, row.level) not in kept
    ]
    store.append("predictions", table_of(PredictedAccuracy, new))


def told_of_too_few(reasons: Sequence[str]) -> str:
    """Why no model gets an interval on some data sets, in words; at most six."""
    return f"too few reports on {few(reasons, 6, '; ')}"
