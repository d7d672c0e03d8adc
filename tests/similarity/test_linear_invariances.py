"""What kernel, subspace and weight measures do not depend on, and what they do depend on."""

import pickle
import warnings
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.representations import pairs, related, transformed
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.kernels.deconfounded import MEASURES as DECONFOUNDED
from zoo_analysis.similarity.kernels.kernel_alignment import MEASURES as CKA
from zoo_analysis.similarity.measure import Invariance, Measure
from zoo_analysis.similarity.shapes.cca import MEASURES as CCA
from zoo_analysis.similarity.shapes.cca import pwcca
from zoo_analysis.similarity.shapes.eigenspaces import MEASURES as EIGENSPACES
from zoo_analysis.similarity.shapes.procrustes_distances import MEASURES as PROCRUSTES
from zoo_analysis.similarity.weights_only import MEASURES as WEIGHTS_ONLY

# `procrustes_permutation` keeps signs, and so does not see a factor that is the same for both
MEASURES = (*CKA, *DECONFOUNDED, *PROCRUSTES[:2], *CCA, *EIGENSPACES, *WEIGHTS_ONLY)
ALL = pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
WORDS = get_args(Invariance)


def with_inputs(measure: Measure, x):
    """What the measure takes in the place of activations x."""
    if not measure.needs:
        return x
    rng = np.random.default_rng(7)
    return x, rng.standard_normal((len(x), 4))


def value(measure: Measure, x, y) -> float:
    return measure(with_inputs(measure, x), with_inputs(measure, y))


@pytest.mark.parametrize(
    ("measure", "how"),
    [(m, how) for m in MEASURES for how in WORDS if how in m.invariant_to],
    ids=lambda each: getattr(each, "name", each),
)
@settings(deadline=None, max_examples=8)
@given(pairs(), st.integers(0, 10**6))
def test_what_is_declared_changes_nothing(measure, how, xy, seed):
    x, y = xy
    before = value(measure, x, y)
    assert value(measure, transformed(x, how, seed), y) == pytest.approx(before, abs=1e-7)
    assert value(measure, x, transformed(y, how, seed)) == pytest.approx(before, abs=1e-7)


@pytest.mark.parametrize(
    ("measure", "how"),
    [(m, how) for m in MEASURES for how in WORDS if how not in m.invariant_to],
    ids=lambda each: getattr(each, "name", each),
)
@settings(deadline=None, max_examples=6)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_not_declared_changes_the_value(measure, how, seed, change):
    x, y = related(seed, 40, 5, 7)
    after = value(measure, transformed(x, how, change), transformed(y, how, change))
    assert abs(after - value(measure, x, y)) > 1e-6


@ALL
@settings(deadline=None, max_examples=10)
@given(pairs(), st.integers(0, 10**6))
def test_samples_may_be_reordered_in_both_but_not_in_one(measure, xy, seed):
    x, y = xy
    order = np.random.default_rng(seed).permutation(len(x))
    before = value(measure, x, y)
    if measure.needs:
        z = with_inputs(measure, x)[1]
        together = measure((x[order], z[order]), (y[order], z[order]))
    else:
        together = measure(x[order], y[order])
    assert together == pytest.approx(before, abs=1e-9)
    if len(x) >= 30:
        assert abs(value(measure, x[np.roll(order, 1)], y[order]) - before) > 1e-9


@ALL
@settings(deadline=None, max_examples=10)
@given(pairs())
def test_values_lie_in_the_declared_range_and_the_order_matters_only_where_declared(measure, xy):
    x, y = xy
    low, high = measure.range
    forth, back = value(measure, x, y), value(measure, y, x)
    assert low <= forth <= high
    if measure.symmetric or (measure is pwcca and x.shape[1] != y.shape[1]):
        assert back == pytest.approx(forth, abs=1e-9)
    else:
        assert back != forth


@ALL
@settings(deadline=None, max_examples=5)
@given(pairs())
def test_nothing_is_more_alike_than_an_array_and_itself(measure, xy):
    x, _ = xy
    best = measure.range[1] if measure.higher == "more alike" else measure.range[0]
    # an angle of 1e-8 has a cosine of 1 − 5e-17
    assert value(measure, x, x) == pytest.approx(best, abs=1e-7)


@ALL
def test_a_constant_neuron_adds_nothing(measure):
    x, y = related(0, 30, 4, 5)
    dead = np.insert(x, 2, 3.7, axis=1)
    assert value(measure, dead, y) == pytest.approx(value(measure, x, y), abs=1e-9)
    single = value(measure, dead.astype(np.float32), y.astype(np.float32))
    assert single == pytest.approx(value(measure, x, y), abs=2e-5)


@ALL
def test_arrays_that_do_not_vary_are_refused_by_name_of_their_shape(measure):
    _, y = related(0, 30, 4, 5)
    for constant in (np.full((30, 4), 0.1), np.zeros((30, 4)), np.full((30, 4), 1e-3, np.float32)):
        with pytest.raises(SimilarityError, match=r"\(30, 4\) has constant neurons only"):
            value(measure, constant, y)


@ALL
def test_one_sample_is_refused(measure):
    with pytest.raises(SimilarityError, match=r"\(1, 4\)"):
        value(measure, np.ones((1, 4)), np.ones((1, 5)))


@ALL
def test_different_samples_are_refused_naming_both_shapes(measure):
    x, y = related(0, 30, 4, 5)
    with pytest.raises(SimilarityError, match=r"\(30, 4\) and \(20, 5\)") as error:
        value(measure, x, y[:20])
    assert "\n" not in str(error.value)
    prepared = (
        measure.prepare(with_inputs(measure, x)),
        measure.prepare(with_inputs(measure, y[:20])),
    )
    with pytest.raises(SimilarityError, match=r"\(30, 4\) and \(20, 5\)"):
        measure.compare(*prepared)


@ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(measure, bad):
    x, y = related(0, 30, 4, 5)
    x[3, 2] = bad
    with pytest.raises(SimilarityError, match=r"\(30, 4\)"):
        value(measure, x, y)


@ALL
def test_the_value_is_that_of_the_prepared_arrays_and_they_travel(measure):
    x, y = related(3, 25, 4, 6)
    p, q = (measure.prepare(with_inputs(measure, each)) for each in (x, y))
    travelled = pickle.loads(pickle.dumps((p, q)))
    assert measure.compare(*travelled) == measure.compare(p, q) == value(measure, x, y)


@ALL
@pytest.mark.parametrize(("n", "d"), [(200, 20), (200, 60), (64, 100)])
def test_float32_agrees_with_float64_and_numpy_with_torch(measure, n, d):
    if d >= n and measure in (*CCA, *EIGENSPACES):
        pytest.skip("refused: see test_cca.py")
    x, y = (each.astype(np.float32) for each in related(5, n, d, d + 3))
    exact = value(measure, x.astype(np.float64), y.astype(np.float64))
    single = value(measure, x, y)
    assert single == pytest.approx(exact, abs=1e-6)
    assert value(measure, torch.from_numpy(x), torch.from_numpy(y)) == single
    assert value(measure, x, y.astype(np.float64)) == pytest.approx(exact, abs=1e-6)
    mixed = [measure.prepare(with_inputs(measure, z)) for z in (x, y.astype(np.float64))]
    assert measure.compare(*mixed) == pytest.approx(exact, abs=1e-6)


@ALL
@pytest.mark.parametrize(
    ("scale", "dtype"),
    [(1e30, np.float32), (1e-30, np.float32), (1e250, np.float64), (1e-250, np.float64)],
)
def test_values_of_any_size_neither_overflow_nor_vanish(measure, scale, dtype):
    x, y = (each.astype(dtype) for each in related(2, 40, 5, 6))
    usual = value(measure, x, y)
    assert value(measure, x * dtype(scale), y) == pytest.approx(usual, abs=2e-6)


@ALL
def test_means_far_from_zero_cost_no_more_than_their_own_digits(measure):
    x, y = related(4, 100, 6, 8)
    far = (x + 1e4).astype(np.float32)
    exact = value(measure, far.astype(np.float64), y)
    assert value(measure, far, y.astype(np.float32)) == pytest.approx(exact, abs=1e-6)


@ALL
def test_arrays_given_stay_as_they_were(measure):
    x, y = related(6, 30, 4, 5)
    tensors = torch.from_numpy(x.copy()), torch.from_numpy(y.copy())
    value(measure, *tensors)
    assert np.array_equal(tensors[0].numpy(), x)
    assert np.array_equal(tensors[1].numpy(), y)


@ALL
def test_arrays_that_may_not_be_written_are_read_without_a_warning(measure):
    x, y = related(6, 30, 4, 5)
    before = value(measure, x, y)
    x.flags.writeable = y.flags.writeable = False
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert value(measure, x, y) == before
    finally:
        torch.set_warn_always(always)


@ALL
@pytest.mark.cuda
def test_cuda_agrees_with_the_processor(measure):
    x, y = related(8, 60, 10, 12)
    there = [torch.from_numpy(each).cuda() for each in (x, y)]
    if measure.needs:
        z = torch.from_numpy(with_inputs(measure, x)[1]).cuda()
        assert measure((there[0], z), (there[1], z)) == pytest.approx(value(measure, x, y))
    else:
        assert measure(*there) == pytest.approx(value(measure, x, y), abs=1e-6)
