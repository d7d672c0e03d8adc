"""Accuracies on one data set: by series where a series has enough reports, else across series."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from zoo_analysis.answers.defaults import LEAST_COVERAGE
from zoo_analysis.answers.prediction.labelled import Labelled
from zoo_analysis.sources.percents import is_share
from zoo_analysis.stats import (
    BEYOND,
    GroupPrediction,
    Predictor,
    choose_by_groups,
    groups_needed,
    predict_by_groups,
)
from zoo_analysis.stats.percent_scale import logit, percents
from zoo_analysis.store.row_kinds.accuracy import PredictedAccuracy

if TYPE_CHECKING:
    import pandas as pd

BY_SERIES: Final = "by series"
ACROSS: Final = "across series"
#: Penalties of ridge that are tried, per model and standard deviation.
_PENALTIES: Final = (0.01, 0.1, 1.0)
#: Further ones are rounding: intervals may have no width.
_DIGITS: Final = 9
#: Of metrics that are statistics of weights and no spectra.
_WEIGHTS: Final = ("weight_", "bias_")


@dataclass(frozen=True)
class DatasetPrediction:
    """The predictor of one data set, and how well it predicts series that were left out.

    Attributes:
        dataset, accuracy, method: of the numbers.
        models, series: with a report, that is predicted from.
        predictor: that is best on series left out; None where one series is all.
        baseline: what it has to beat: ``size``, or ``mean`` where sizes are not known.
        error, baseline_error: root of the mean squared error on series left out, each weighing the
            same, of prediction with its choice and of the baseline alone; in the accuracy's unit.
        predicted, abstained: models.
        errors: of each predictor, on the scale of the fit (log odds for percents).
        remarks: what was left out, in words.
    """

    dataset: str
    accuracy: str
    method: str
    models: int
    series: int
    predictor: str | None
    baseline: str
    error: float | None
    baseline_error: float | None
    predicted: int
    abstained: int
    errors: dict[str, float]
    remarks: tuple[str, ...]

    @property
    def words(self) -> str:
        """The same in a sentence."""
        from_what = f"{self.dataset}, {self.accuracy}: {self.models} models of {self.series} series"
        if self.predictor is None:
            return f"{from_what}; nothing can be left out to choose by"
        if self.error is None:
            return f"{from_what}; too few to tell what predicts best, and how well"
        unit = " points" if is_share(self.accuracy) else ""
        told = f"on series left out it errs by {_told(self.error)}{unit}"
        if self.predictor == self.baseline:
            best = f"nothing beats {_ALONE[self.baseline]}, which predicts: {told}"
        else:
            best = f"{_ALONE.get(self.predictor, self.predictor)} predicts best: {told}"
            best += f", {_ALONE[self.baseline]} by {_told(self.baseline_error)}{unit}"
        return f"{from_what}; {best}"


_ALONE: Final = {"size": "size alone", "mean": "the mean"}


def _exactly(share: float) -> str:
    """A share in percent with as many digits as it has: 99.5%."""
    return f"{100 * share:.6g}%"


def _told(error: float | None) -> str:
    return "an unknown amount" if error is None else f"{error:.2g}"


def predictors(columns: tuple[str, ...]) -> list[Predictor]:
    """Candidates to predict, the baseline first: size, the mean, each metric, and ridge of many.

    Args:
        columns: that models have: ``size``, and metrics of `summaries`.
    """
    singles = [Predictor(name, (at,)) for at, name in enumerate(columns)]
    mean = Predictor("mean")
    first = [singles[0], mean] if columns[:1] == ("size",) else [mean]
    weights = tuple(at for at, name in enumerate(columns) if name.startswith(_WEIGHTS))
    many = [("weight statistics", weights), ("all", tuple(range(len(columns))))]
    return [
        *first,
        *(each for each in singles if each.name != "size"),
        *(Predictor(name, of, p) for name, of in many if len(of) > 1 for p in _PENALTIES),
    ]


class DatasetPredictor:
    """Predictions on one data set from what is reported there.

    Args:
        data: its known models and those to predict.
        level: of coverage, within 0 and 1.
    """

    def __init__(self, data: Labelled, level: float) -> None:
        self.data, self.level, self.needed = data, level, groups_needed(level)
        self._percent = is_share(data.accuracy)
        self._x = self._columns(data.known)
        self._values = data.known["value"].to_numpy(dtype=float)
        self._y = logit(self._values) if self._percent else self._values
        self._series = data.known["series"].to_numpy(dtype=str)
        self._predictors = predictors(data.columns)
        self.number = len(set(self._series))

    @property
    def too_few(self) -> str | None:
        """Why no model can get an interval; None where there are series, or one of them, enough."""
        largest = max((int((self._series == name).sum()) for name in set(self._series)), default=0)
        if max(self.number, largest) >= self.needed:
            return None
        aside = [remark for remark in self.data.remarks if remark.endswith("set aside")]
        return (
            f"{self.data.dataset}: {self._needs('one')}: there are {self.number}, and at most "
            f"{largest}" + f" ({', '.join(aside)})" * bool(aside)
        )

    def _needs(self, whose: str) -> str:
        return (
            f"a {_exactly(self.level)} interval needs reports of {self.needed} series, or of "
            f"{self.needed} models of {whose} series"
        )

    def all(self) -> tuple[DatasetPrediction, list[PredictedAccuracy]]:
        """The predictor, and a row for each model that is to be predicted."""
        wanted = self.data.wanted
        at = self._columns(wanted)
        across = self._across(at, self._predictors)
        baseline = self._across(at, self._predictors[:1])
        errors = across.errors if across else {}
        error, baseline_error = self._errors(across, baseline)
        if error is not None and baseline_error is not None and error >= baseline_error:
            across, error = baseline, baseline_error  # choosing does not pay
        rows = self._rows(wanted, across)
        predicted = sum(row.predicted is not None for row in rows)
        told = DatasetPrediction(
            dataset=self.data.dataset,
            accuracy=self.data.accuracy,
            method=self.data.method,
            models=len(self._y),
            series=self.number,
            predictor=across.predictor.name if across else None,
            baseline=self._predictors[0].name,
            error=error,
            baseline_error=baseline_error,
            predicted=predicted,
            abstained=len(rows) - predicted,
            errors=errors,
            remarks=self.data.remarks,
        )
        return told, rows

    def _columns(self, models: "pd.DataFrame") -> np.ndarray:
        return models[list(self.data.columns)].to_numpy(dtype=float)

    def _across(self, at: np.ndarray, from_these: list[Predictor]) -> GroupPrediction | None:
        if self.number < 2:
            return None
        groups = np.unique(self._series, return_inverse=True)[1]
        return predict_by_groups(self._x, self._y, groups, at, from_these, self.level)

    def _by_series(self, series: str, at: np.ndarray) -> GroupPrediction | None:
        """The models of a series predicted from its own; None where it has too few reports.

        What may predict is the baseline, the mean, and what is best on the other series; without
        these, everything.
        """
        own = self._series == series
        if own.sum() < self.needed:
            return None
        tried = self._predictors
        others = np.unique(self._series[~own], return_inverse=True)[1]
        if len(set(others)) > 1:
            best = choose_by_groups(self._x[~own], self._y[~own], others, tried)
            tried = list(dict.fromkeys([tried[0], Predictor("mean"), best]))
        each = np.arange(int(own.sum()))
        return predict_by_groups(self._x[own], self._y[own], each, at, tried, self.level)

    def _rows(
        self, wanted: "pd.DataFrame", across: GroupPrediction | None
    ) -> list[PredictedAccuracy]:
        rows = [self._row(wanted.iloc[i], across, i, ACROSS) for i in range(len(wanted))]
        series = wanted["series"].to_numpy(dtype=object)
        for name in dict.fromkeys(each for each in series if isinstance(each, str)):
            places = np.flatnonzero(series == name).tolist()
            found = self._by_series(name, self._columns(wanted)[places])
            own = int((self._series == name).sum())
            for i, place in enumerate(places):
                row = self._row(wanted.iloc[place], found, i, BY_SERIES)
                if row.predicted is not None:
                    rows[place] = replace(row, models=own, series=1)
        return rows

    def _row(
        self, model: "pd.Series", found: GroupPrediction | None, i: int, interval: str
    ) -> PredictedAccuracy:
        row = PredictedAccuracy(
            repo_id=model["repo_id"],
            revision=model["revision"],
            method=model["method"],
            dataset=self.data.dataset,
            metric=self.data.accuracy,
            level=self.level,
            models=len(self._y),
            series=self.number,
            predictor=found.predictor.name if found else None,
        )
        if reason := self._reason(model, found, i):
            return replace(row, reason=reason)
        assert found is not None
        ends = np.array([found.values[i], found.low[i], found.high[i]])
        value, low, high = np.round(percents(ends) if self._percent else ends, _DIGITS)
        return replace(
            row, predicted=float(value), low=float(low), high=float(high), interval=interval
        )

    def _reason(self, model: "pd.Series", found: GroupPrediction | None, i: int) -> str | None:
        """Why a model is not predicted; None where it is."""
        if model["coverage"] < LEAST_COVERAGE:
            return f"only {model['coverage']:.0%} of its matrices were measured"
        if not model["of_task"]:
            return f"no model with a report has its task, {model['pipeline_tag'] or 'none'}"
        if found is None or not np.isfinite(found.high[i]):
            groups = found.groups if found else self.number
            own = int((self._series == model["series"]).sum())
            return f"{self._needs('its own')}: there are {groups} and {own}"
        if not found.inside[i]:
            return self._outside(model, found.predictor)
        return None

    def _outside(self, model: "pd.Series", predictor: Predictor) -> str:
        """In which column a model is out of the range of the known."""
        for at in predictor.columns:
            name = self.data.columns[at]
            value, known = float(model[name]), self._x[:, at]
            if not np.isfinite(value):
                what = "known number of parameters" if name == "size" else name
                return f"it has no {what}, by which {predictor.name} predicts"
            beyond = BEYOND * np.ptp(known)
            if not known.min() - beyond <= value <= known.max() + beyond:
                if name == "size":
                    has, least, most = (
                        f"{10**log:,.0f}" for log in (value, known.min(), known.max())
                    )
                    return f"its {has} parameters are outside {least} to {most}"
                return f"its {name} {value:.3g} is outside {known.min():.3g} to {known.max():.3g}"
        return f"it is outside the range of its series in what {predictor.name} predicts by"

    def _errors(self, *found: GroupPrediction | None) -> list[float | None]:
        """Roots of the mean squared errors on series left out, in the accuracy's unit.

        Each series weighs the same; of models that all of them predict.
        """
        made = [each for each in found if each is not None]
        counted = np.all([np.ones(len(self._y), bool), *(e.left_out_inside for e in made)], axis=0)
        if len(made) < len(found) or not counted.any():
            return [None] * len(found)
        own = [counted & (self._series == name) for name in set(self._series[counted])]
        errors: list[float | None] = []
        for each in made:
            back = percents(each.left_out) if self._percent else each.left_out
            missed = (back - self._values) ** 2
            error = float(np.sqrt(np.mean([missed[rows].mean() for rows in own])))
            errors.append(round(error, _DIGITS))
        return errors
