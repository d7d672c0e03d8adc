"""Fixed points of random permutations, Fisher's and Holm's methods in logarithms."""

from itertools import permutations
from math import exp, factorial, log

import numpy as np
import pytest
from scipy.stats import combine_pvalues
from statsmodels.stats.multitest import multipletests

from zoo_analysis.stats.coincidences import (
    fisher_log_p,
    holm_log_p,
    log_chance,
    spearman_log_p,
)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_the_chance_is_the_share_of_all_permutations(n: int) -> None:
    fixed = [sum(i == p for i, p in enumerate(each)) for each in permutations(range(n))]
    for k in range(n + 1):
        share = sum(f >= k for f in fixed) / factorial(n)
        assert exp(log_chance(n, k)) == pytest.approx(share, rel=1e-12)


def test_all_in_place_has_the_chance_of_one_permutation() -> None:
    assert log_chance(20, 20) == pytest.approx(-log(factorial(20)))
    assert log_chance(300, 300) == pytest.approx(-sum(map(log, range(1, 301))))


def test_of_many_things_those_in_place_are_poisson() -> None:
    from scipy.stats import poisson

    for k in (1, 3, 8, 15):
        assert log_chance(1000, k) == pytest.approx(poisson.logsf(k - 1, 1), rel=1e-12)


def test_fisher_and_holm_are_scipys_and_statsmodels() -> None:
    p = np.random.default_rng(0).random(9) ** 3
    assert exp(fisher_log_p(np.log(p))) == pytest.approx(combine_pvalues(p).pvalue, rel=1e-12)
    assert np.exp(holm_log_p(np.log(p))) == pytest.approx(multipletests(p, method="holm")[1])


def test_fisher_holds_where_p_underflows() -> None:
    one = fisher_log_p([-1000.0])
    assert one == pytest.approx(-1000)
    assert fisher_log_p([-1000.0] * 3) < -2980
    assert fisher_log_p([0.0, 0.0]) == 0


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0, 5.0, -0.5])
def test_spearmans_chance_is_scipys(noise: float) -> None:
    from scipy.stats import spearmanr

    x = np.arange(40.0)
    y = np.sign(noise) * x / 12 + noise * np.random.default_rng(0).normal(size=40)
    expected = spearmanr(x, y, alternative="greater")
    assert exp(spearman_log_p(40, expected.statistic)) == pytest.approx(expected.pvalue, rel=1e-9)


def test_spearmans_chance_holds_where_it_underflows_and_is_never_below_one_order() -> None:
    from mpmath import betainc, mp, mpf
    from mpmath import log as precise_log

    mp.dps = 30
    for n, rho in ((256, 0.9999), (256, 0.6), (1000, 0.99)):
        tail = betainc(mpf(n) / 2 - 1, 0.5, 0, 1 - mpf(rho) ** 2, regularized=True) / 2
        assert spearman_log_p(n, rho) == pytest.approx(float(precise_log(tail)), rel=1e-9)
    assert spearman_log_p(30, 1.0) == pytest.approx(-log(factorial(30)))
    assert spearman_log_p(30, -1.0) == spearman_log_p(2, 1.0) == 0
