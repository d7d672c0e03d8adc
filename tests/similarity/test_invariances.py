"""Measures of activations change under what they do not declare to be invariant to, only."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.similarity import (
    Measure,
    distance_correlation,
    knn,
    knn_jaccard,
    neuronal,
    neuronal_one_to_one,
    rsa,
    rsa_by,
)

MEASURES = [
    *(neuronal, neuronal_one_to_one, rsa, rsa_by("pearson"), rsa_by("kendall")),
    *(rsa_by("spearman", "euclidean"), rsa_by("spearman", "cosine"), distance_correlation),
    *(knn, knn_jaccard),
]
Generator = np.random.Generator
Change = Callable[[np.ndarray, Generator], np.ndarray]


def signs(shape: tuple[int, ...], rng: Generator) -> np.ndarray:
    return rng.choice([-1.0, 1.0], shape)


CHANGES: dict[str, Change] = {
    "permutation": lambda x, rng: x[:, rng.permutation(x.shape[1])],
    "orthogonal": lambda x, rng: x @ np.linalg.qr(rng.standard_normal((x.shape[1],) * 2))[0],
    "invertible": lambda x, rng: (
        x @ (np.eye(x.shape[1]) + 0.2 * rng.standard_normal((x.shape[1],) * 2))
    ),
    "isotropic scaling": lambda x, rng: x * 10 ** rng.uniform(-6, 6) * signs((), rng),
    "neuron scaling": lambda x, rng: (
        x * 10 ** rng.uniform(-2, 2, x.shape[1]) * signs(x.shape[1:], rng)
    ),
    "translation": lambda x, rng: x + 10 * rng.standard_normal(x.shape[1]),
}


def arrays(n: int, d1: int, d2: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """With something in common."""
    shared = rng.standard_normal((n, 2))
    return tuple(  # type: ignore[return-value]
        rng.standard_normal((n, d)) + shared @ rng.standard_normal((2, d)) for d in (d1, d2)
    )


SIZES = st.integers(12, 40), st.integers(3, 9), st.integers(3, 9)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(CHANGES)), *SIZES)
def test_what_is_declared_changes_nothing(
    measure: Measure, seed: int, change: str, n: int, d1: int, d2: int
) -> None:
    rng = np.random.default_rng(seed)
    x, y = arrays(n, d1, d2, rng)
    value = measure(x, y)
    low, high = measure.range
    assert low <= value <= high
    assert measure(y, x) == pytest.approx(value, abs=1e-9)
    if change in measure.invariant_to:
        assert measure(CHANGES[change](x, rng), y) == pytest.approx(value, abs=1e-6)
        assert measure(x, CHANGES[change](y, rng)) == pytest.approx(value, abs=1e-6)
    together = rng.permutation(n)
    assert measure(x[together], y[together]) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_declared_changes_the_value(measure: Measure, change: str) -> None:
    rng = np.random.default_rng(5)
    x, y = arrays(60, 8, 8, rng)
    moved = abs(measure(CHANGES[change](x, rng), y) - measure(x, y))
    assert (moved > 1e-4) == (change not in measure.invariant_to)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
def test_the_order_of_one_arrays_samples_matters(measure: Measure) -> None:
    rng = np.random.default_rng(6)
    x, y = arrays(60, 8, 8, rng)
    assert measure(x, x) == pytest.approx(1)
    assert measure(x[rng.permutation(60)], y) < measure(x, y) < 1


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
def test_float32_gives_what_float64_does(measure: Measure) -> None:
    x, y = arrays(50, 20, 70, np.random.default_rng(7))
    single = measure(x.astype(np.float32), y.astype(np.float32))
    assert single == pytest.approx(measure(x, y), abs=1e-5)
