"""Prediction of members of groups: by what predicts groups that were left out, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats.computable import Floats
from zoo_analysis.stats.conformal import Ints, jackknife_plus
from zoo_analysis.stats.grouped_ridge import GroupedRidge, Predictor

#: Folds at most; of more groups several are left out together.
MOST_FOLDS: Final = 50
#: The part of a predictor's range by which it may be exceeded.
BEYOND: Final = 0.1


@dataclass(frozen=True)
class GroupPrediction:
    """Predicted values with conformal intervals, and what they were predicted by.

    Attributes:
        predictor: that was chosen.
        errors: of each predictor by its name: root of the mean squared error on groups that were
            left out, each group weighing the same; of several of one name the least.
        baseline: name of the predictor that the others have to beat.
        groups: that the intervals are calibrated on.
        values, low, high: (m,) predicted, and the ends of the interval around it; infinite where
            there are too few groups.
        inside: (m,) within the range of the known in what predicts; others should not be believed.
        left_out: (n,) the known ones as predicted without their groups.
        left_out_inside: (n,) whether they were within the range of those that predicted them.
    """

    predictor: Predictor
    errors: dict[str, float]
    baseline: str
    groups: int
    values: Floats
    low: Floats
    high: Floats
    inside: NDArray[np.bool_]
    left_out: Floats
    left_out_inside: NDArray[np.bool_]

    @property
    def is_baseline(self) -> bool:
        """True where nothing beats the baseline."""
        return self.predictor.name == self.baseline


def predict_by_groups(
    x: Floats,
    y: Floats,
    groups: Ints,
    at: Floats,
    predictors: Sequence[Predictor],
    level: float,
) -> GroupPrediction:
    """Predict by the predictor that is best on groups left out, with intervals that count that in.

    A predictor replaces the baseline only where its error, averaged over groups, is smaller by more
    than the standard error of the difference (the rule of one standard error of Breiman et al.
    1984). The residuals of a group come from a choice and a fit that have not seen it, so that the
    intervals count the choosing in; they are as wide on both sides as the wider of those of
    `conformal.jackknife_plus`.

    Args:
        x: (n, p) finite predictors of the known.
        y: (n,) their values.
        groups: (n,) of which group each is; at least two different.
        at: (m, p) predictors of the others; what is not finite is outside the range.
        predictors: to choose from; the first is the baseline.
        level: of coverage, within 0 and 1.

    Raises:
        ValueError: fewer than two groups.
    """
    _, groups = np.unique(groups, return_inverse=True)
    count = int(groups.max()) + 1
    if count < 2:
        raise ValueError("one group can be predicted from no other")
    folds = groups % MOST_FOLDS
    ridge = GroupedRidge(x, y, folds)
    left_out, inside = np.empty(len(y)), np.empty(len(y), dtype=bool)
    centres = np.empty((len(ridge.sums), len(at)))
    total = ridge.sums.sum(0)
    for fold in range(len(ridge.sums)):
        seen, unseen = folds != fold, folds == fold
        chosen = _chosen(predictors, ridge.errors_left_out(predictors, fold))
        fit = ridge.fit(chosen, total - ridge.sums[fold])
        left_out[unseen] = ridge.predict(chosen, fit, x[unseen])
        inside[unseen] = in_range(chosen, x[seen], x[unseen])
        centres[fold] = ridge.predict(chosen, fit, at)
    errors = ridge.errors_left_out(predictors, None)
    chosen = _chosen(predictors, errors)
    values = ridge.predict(chosen, ridge.fit(chosen, total), at)
    residuals = np.where(inside, np.abs(y - left_out), np.nan)
    low, high = jackknife_plus(centres, residuals, groups, folds, level)
    radius = np.maximum(high - values, values - low)
    least: dict[str, float] = {}
    for predictor, error in zip(predictors, np.sqrt(errors.mean(1)), strict=True):
        least[predictor.name] = min(float(error), least.get(predictor.name, np.inf))
    return GroupPrediction(
        predictor=chosen,
        errors=least,
        baseline=predictors[0].name,
        groups=len(np.unique(groups[inside])),
        values=values,
        low=values - radius,
        high=values + radius,
        inside=in_range(chosen, x, at),
        left_out=left_out,
        left_out_inside=inside,
    )


def in_range(predictor: Predictor, known: Floats, at: Floats) -> NDArray[np.bool_]:
    """True for rows (m,) whose every used column is within the known range, or beyond by `BEYOND`.

    Args:
        predictor: that uses the columns.
        known: (n, p) predictors of the known.
        at: (m, p) of the others.
    """
    known, at = known[:, list(predictor.columns)], at[:, list(predictor.columns)]
    low, high = known.min(0), known.max(0)
    beyond = BEYOND * (high - low)
    told: NDArray[np.bool_] = ((at >= low - beyond) & (at <= high + beyond)).all(1)
    return told


def choose_by_groups(
    x: Floats, y: Floats, groups: Ints, predictors: Sequence[Predictor]
) -> Predictor:
    """The predictor by which `predict_by_groups` would predict.

    Args:
        x: (n, p) finite predictors of the known.
        y: (n,) their values.
        groups: (n,) of which group each is; at least two different.
        predictors: to choose from; the first is the baseline.
    """
    folds = np.unique(groups, return_inverse=True)[1] % MOST_FOLDS
    return _chosen(predictors, GroupedRidge(x, y, folds).errors_left_out(predictors, None))


def _chosen(predictors: Sequence[Predictor], errors: Floats) -> Predictor:
    """The best of predictors by errors (predictors, folds), where it is better than by chance."""
    best = int(errors.mean(1).argmin())
    gain = errors[0] - errors[best]
    folds = len(gain)
    chance = gain.std(ddof=1) / np.sqrt(folds) if folds > 1 else np.inf
    return predictors[best] if gain.mean() > chance else predictors[0]
