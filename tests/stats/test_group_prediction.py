"""Predictors chosen and judged on groups left out, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zoo_analysis.stats import (
    GroupedRidge,
    Predictor,
    choose_by_groups,
    predict_by_groups,
)

MEAN, SIZE, TRUE, NOISE = (Predictor("mean"), *(Predictor(n, (i,)) for i, n in enumerate("stn")))
ALL = Predictor("all", (0, 1, 2), 0.1)


def zoo(
    seed: int = 0, groups: int = 12, slope: float = 3.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three predictors of 5 members a group, of which the second matters."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), 5)
    x = rng.normal(size=(len(of), 3)) * [1, 10, 0.1] + [7, -40, 0]
    y = 70 + slope * x[:, 1] / 10 + rng.normal(0, 0.5, groups)[of] + rng.normal(0, 0.5, len(of))
    return x, y, of


def test_ridge_from_sums_is_scikit_learns() -> None:
    x, y, groups = zoo()
    ridge = GroupedRidge(x, y, groups)
    at = x[:4] + 1
    for predictor, model in (
        (ALL, Ridge(alpha=0.1 * len(y))),
        (Predictor("", (1, 2)), LinearRegression()),
        (MEAN, None),
    ):
        fit = ridge.fit(predictor, ridge.sums.sum(0))
        found = ridge.predict(predictor, fit, at)
        if model is None:
            np.testing.assert_allclose(found, y.mean())
        else:
            used = list(predictor.columns)
            theirs = make_pipeline(StandardScaler(), model).fit(x[:, used], y)
            np.testing.assert_allclose(found, theirs.predict(at[:, used]), rtol=1e-6)


def test_errors_on_groups_left_out_are_scikit_learns() -> None:
    x, y, groups = zoo()
    (found,) = GroupedRidge(x, y, groups).errors_left_out([Predictor("", (0, 1))], None)
    told = cross_val_predict(LinearRegression(), x[:, :2], y, groups=groups, cv=LeaveOneGroupOut())
    theirs = [((told - y)[groups == g] ** 2).mean() for g in range(12)]
    np.testing.assert_allclose(found, theirs, rtol=1e-5)


def test_columns_that_say_the_same_are_no_trouble() -> None:
    x, y, groups = zoo()
    x[:, 2] = x[:, 1]
    found = predict_by_groups(x, y, groups, x, [MEAN, Predictor("both", (1, 2))], 0.9)
    alone = predict_by_groups(x, y, groups, x, [MEAN, TRUE], 0.9)
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-5)


def test_what_predicts_is_found() -> None:
    x, y, groups = zoo()
    found = predict_by_groups(x, y, groups, x[:1], [SIZE, MEAN, TRUE, NOISE, ALL], 0.9)
    assert found.predictor in (TRUE, ALL)
    assert not found.is_baseline
    assert choose_by_groups(x, y, groups, [SIZE, MEAN, TRUE, NOISE, ALL]) == found.predictor
    assert found.errors["t"] < 1 < found.errors["s"]
    assert found.groups == 12


def test_nothing_beats_the_baseline_where_nothing_matters() -> None:
    # By chance the best of two others beats it by a standard error in some one of six zoos.
    stays = sum(
        choose_by_groups(*zoo(seed, slope=0.0), [MEAN, SIZE, NOISE]) == MEAN for seed in range(60)
    )
    assert stays >= 45


def test_the_intervals_count_the_choosing_in() -> None:
    # 40 predictors of noise, and each zoo's best of them is tried on a group that it has not seen.
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(20), 3)
        x, y = rng.normal(size=(60, 40)), rng.normal(size=60) + rng.normal(size=20)[groups]
        tried = [Predictor("first", (0,)), *(Predictor(str(i), (i,)) for i in range(1, 40))]
        known = groups < 19
        found = predict_by_groups(x[known], y[known], groups[known], x[~known], tried, 0.8)
        held.append(((found.low <= y[~known]) & (y[~known] <= found.high)).mean())
    error = np.std(held) / np.sqrt(len(held))
    assert 0.8 - 3 * error < np.mean(held)


def test_out_of_range_is_told() -> None:
    x, y, groups = zoo()
    low, high = x[:, 1].min(), x[:, 1].max()
    reach = 0.1 * (high - low)
    at = np.repeat(x[:1], 5, axis=0)
    at[:, 1] = [low - 0.9 * reach, high + 0.9 * reach, high + 1.1 * reach, np.nan, -np.inf]
    at[:, 0] = 1e6  # which does not predict
    found = predict_by_groups(x, y, groups, at, [MEAN, TRUE], 0.9)
    assert found.inside.tolist() == [True, True, False, False, False]
    assert predict_by_groups(x, y, groups, at, [MEAN], 0.9).inside.all()


def test_more_groups_than_folds_are_left_out_several_at_a_time() -> None:
    x, y, groups = zoo(groups=120)
    found = predict_by_groups(x, y, groups, x[:1], [MEAN, TRUE], 0.9)
    assert found.groups == 120
    half = (found.high - found.low)[0] / 2
    assert half == pytest.approx(np.sqrt(0.5) * 1.645, rel=0.2)  # two normal errors of 0.5


def test_one_group_alone_predicts_no_other() -> None:
    x, y, _ = zoo()
    with pytest.raises(ValueError, match="one group"):
        predict_by_groups(x, y, np.zeros(len(y), dtype=int), x, [MEAN], 0.9)


def test_of_two_groups_nothing_is_chosen_but_the_baseline_and_its_error_is_told() -> None:
    x, y, groups = zoo(groups=2)
    found = predict_by_groups(x, y, groups, x[:1], [MEAN, TRUE, ALL], 0.9)
    means = [y[groups == g].mean() for g in (0, 1)]
    np.testing.assert_allclose(found.left_out, np.where(groups == 0, means[1], means[0]))
