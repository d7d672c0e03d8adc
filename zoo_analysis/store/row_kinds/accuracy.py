"""An accuracy as sources report it, and as it was predicted before: rows of two tables."""

from dataclasses import dataclass

from zoo_analysis.texts import clean


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """One reported number, as one source reports it.

    Attributes:
        repo_id: of the model.
        dataset: that it was evaluated on (``imagenet-1k``).
        metric: ``accuracy`` is top-1.
        split: of the data set.
        value: in percent for accuracies and F1 scores, else in the metric's own unit.
        source: who reports it (``card``, ``torchvision``, a catalogue's citation).
        source_url: a page that says so.
    """

    repo_id: str
    dataset: str
    metric: str
    split: str | None = None
    value: float
    source: str
    source_url: str | None = None

    def __post_init__(self) -> None:
        clean(self)


@dataclass(frozen=True, kw_only=True)
class PredictedAccuracy:
    """One accuracy that was not reported yet, as it was predicted, or why it was not.

    Attributes:
        run_id: of the `zoo predict` that made it.
        repo_id, revision: of the model.
        method: that made its metrics.
        dataset, metric: as of `Accuracy`.
        predicted: in the unit of `metric`; None where it is not predicted.
        low, high: ends of the interval.
        level: of coverage that the interval is made for, within 0 and 1.
        interval: what it is calibrated on: ``by series``, its own, or ``across series``.
        predictor: what predicts: ``size``, ``mean``, a metric, ``weight statistics`` or ``all``.
        models, series: with a report, that it is predicted from, and how many series they are of.
        reason: why it is not predicted.
        of_version: versions of the tables that it was made of.
    """

    run_id: str | None = None
    repo_id: str
    revision: str
    method: str
    dataset: str
    metric: str
    predicted: float | None = None
    low: float | None = None
    high: float | None = None
    level: float
    interval: str | None = None
    predictor: str | None = None
    models: int
    series: int
    reason: str | None = None
    of_version: str | None = None
