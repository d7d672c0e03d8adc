"""How many eigenvalues share a spectrum's weight: closed forms, and an independent entropy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from zoo_analysis.spectra import effective_rank, participation_ratio


@given(st.integers(1, 60), st.integers(0, 60), st.integers(-300, 300))
def test_equal_eigenvalues_are_as_many_as_they_are(n, zeros, decades):
    evals = np.concatenate([np.zeros(zeros), np.full(n, 10.0**decades)])
    assert effective_rank(evals) == pytest.approx(n)
    assert participation_ratio(evals) == pytest.approx(n)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_they_are_hill_numbers_of_order_one_and_two(values):
    evals = np.sort(values)
    p = evals / evals.sum()
    assert effective_rank(evals) == pytest.approx(np.exp(entropy(p)))
    assert participation_ratio(evals) == pytest.approx(1 / (p**2).sum())
    assert participation_ratio(evals) <= effective_rank(evals) * (1 + 1e-12)
