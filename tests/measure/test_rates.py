"""Seconds are told from shapes, and what was measured comes back from a store as it was."""

import math
from dataclasses import replace

import pytest

from zoo_analysis.measure.cost import work
from zoo_analysis.measure.rates import TYPICAL, Rates
from zoo_analysis.spectra import Method, method


def test_a_layer_between_two_sides_takes_a_time_between_theirs() -> None:
    sides = (500, 700, 1000)
    times = [TYPICAL.of_layer(work((1, 2048, m), (), Method())) for m in sides]
    assert times == sorted(times)


def test_beyond_the_sides_that_were_measured_an_eigenproblem_goes_as_the_cube() -> None:
    side = max(TYPICAL.eigen)
    last = TYPICAL.eigen[side]
    rates = replace(TYPICAL, gram=dict.fromkeys(TYPICAL.gram, 1e-30))
    big = rates.of_layer(work((1, 4 * side, 4 * side), (), Method()))
    rest = rates.element * (4 * side) ** 2 + rates.evaluation * 4 * side + rates.fit + rates.layer
    assert big - rest == pytest.approx(64 * last, rel=1e-6)


@pytest.mark.parametrize(
    ("how", "kernel", "matrices", "fits"),
    [
        (method(), ((1, 64, 32), (3, 3)), 9, 1),
        (method(conv2d="slices"), ((1, 64, 32), (3, 3)), 9, 9),
        (method(conv2d="flatten"), ((1, 64, 32), (3, 3)), 1, 1),
        (method(randomize=True), ((1, 64, 32), ()), 2, 1),
        (method(), ((4, 16, 32), ()), 4, 1),
        # Half of the 64 frequencies of an 8 x 8 grid, each a complex product, four real ones.
        (method(conv2d="fft"), ((1, 64, 32), (3, 3)), 128, 1),
    ],
)
def test_the_matrices_of_a_kernel_are_those_of_the_method(how, kernel, matrices, fits) -> None:
    asked = work(*kernel, how)
    assert asked.matrices == matrices
    assert asked.fits == fits


def test_other_laws_are_priced_as_many_fits() -> None:
    plain, others = (work((1, 64, 32), (), Method(alternatives=each)) for each in (False, True))
    assert others.fits > 5 * plain.fits
    assert replace(others, fits=1) == plain
    assert TYPICAL.of_layer(others) > TYPICAL.of_layer(plain) + 5 * TYPICAL.fit


def test_further_threads_shorten_what_is_not_serial() -> None:
    large = work((1, 8192, 4096), (), Method())
    alone, eight = TYPICAL.of_layer(large), TYPICAL.of_layer(large, 8)
    assert eight / alone == pytest.approx(TYPICAL.serial + (1 - TYPICAL.serial) / 8, rel=0.05)


def test_a_model_is_opened_once_and_each_of_its_bytes_is_hashed() -> None:
    opened = TYPICAL.of_opening(100) + TYPICAL.of_hashing(10**9)
    assert opened == pytest.approx(TYPICAL.model + 100 * TYPICAL.listed + 1e9 * TYPICAL.hashed)
    slow = TYPICAL.corrected(opening=2.0)
    assert slow.of_opening(100) + slow.of_hashing(10**9) == pytest.approx(2 * opened)


def test_rates_are_the_same_after_their_rows() -> None:
    back = Rates.of_rows(TYPICAL.corrected(measuring=1.3, opening=0.7, starting=2.0).rows())
    assert back == TYPICAL
    assert math.isclose(back.of_opening(3), TYPICAL.of_opening(3))
