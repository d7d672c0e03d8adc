"""Linear predictivity against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from tests.support.representations import related, rotation
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import linear_predictivity


def predicted(x: np.ndarray, y: np.ndarray) -> float:
    """R² of ridge regressions in five folds of consecutive samples, over all neurons together."""
    missed = whole = 0.0
    x = (x - x.mean(0)) / np.linalg.norm(x - x.mean(0))
    for rest, held_out in KFold(5).split(x):
        scatter = np.square(x[rest] - x[rest].mean(0)).sum()
        ridge = Ridge(alpha=0.01 * scatter / min(len(rest), x.shape[1])).fit(x[rest], y[rest])
        missed += np.square(y[held_out] - ridge.predict(x[held_out])).sum()
        whole += np.square(y[held_out] - y[rest].mean(0)).sum()
    return max(1 - missed / whole, 0)


@pytest.mark.parametrize(("n", "d1", "d2"), [(53, 4, 9), (40, 30, 3), (30, 60, 50), (10, 3, 2)])
def test_it_is_scikit_learns_ridge_regression_in_folds(n, d1, d2) -> None:
    x, y = related(n, n, d1, d2)
    for a, b in ((x, y), (y, x)):
        assert linear_predictivity(a, b) == pytest.approx(predicted(a, b), abs=1e-9)


def test_a_linear_image_is_foretold_and_its_origin_only_as_far_as_it_shows() -> None:
    x = np.random.default_rng(0).standard_normal((400, 6))
    y = x[:, :3] @ rotation(np.random.default_rng(1), 3)
    assert linear_predictivity(x, y) > 0.999
    assert linear_predictivity(y, x) == pytest.approx(0.5, abs=0.05)
    there = linear_predictivity.both_ways(*map(linear_predictivity.prepared, (x, y)))
    assert there.value == pytest.approx((there.value_ab + there.value_ba) / 2)
    assert there.value_ab > there.value_ba


def test_what_has_no_relation_is_not_foretold() -> None:
    rng = np.random.default_rng(3)
    assert linear_predictivity(rng.standard_normal((60, 20)), rng.standard_normal((60, 20))) == 0


def test_nine_samples_are_too_few_for_five_folds() -> None:
    x, y = related(0, 9, 2, 2)
    with pytest.raises(SimilarityError, match="at least 10"):
        linear_predictivity(x, y)


def test_a_neuron_that_varies_in_one_fold_alone_foretells_nothing() -> None:
    x, y = np.zeros((20, 1)), related(0, 20, 2, 2)[1]
    x[:4, 0] = [1, 2, 3, 4]
    assert linear_predictivity(x, y) == pytest.approx(predicted(x, y), abs=1e-9)
