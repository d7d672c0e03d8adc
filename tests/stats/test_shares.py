"""Shares of a count: Wilson's interval, against statsmodels' and by how often it holds."""

import math

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from zoo_analysis.stats import share


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (0, 7), (3, 34), (20, 21), (40, 40)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_interval_is_wilsons(count: int, of: int, confidence: float) -> None:
    found = share(count, of, confidence)
    low, high = proportion_confint(count, of, 1 - confidence, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high))
    assert found.value == count / of


@pytest.mark.parametrize("of", [6, 12, 30])
def test_it_holds_the_truth_about_as_often_as_it_says(of: int) -> None:
    """On average over proportions, by the binomial law itself."""
    intervals = [share(count, of) for count in range(of + 1)]
    holds = [
        sum(
            binom.pmf(count, of, p)
            for count, found in enumerate(intervals)
            if found.low <= p <= found.high
        )
        for p in np.linspace(0.02, 0.98, 97)
    ]
    assert np.mean(holds) == pytest.approx(0.95, abs=0.015)


def test_a_share_of_nothing_has_no_value() -> None:
    found = share(0, 0)
    assert math.isnan(found.value)
    assert math.isnan(found.low)
