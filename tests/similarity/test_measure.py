"""What holds of all measures, whatever they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.representations import related
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import Measure, measures

ALL = pytest.mark.parametrize("measure", measures().values(), ids=lambda m: m.name)


def taken(measure: Measure, x: np.ndarray) -> object:
    """What the measure takes in the place of x."""
    rng = np.random.default_rng(7)
    needs = {"inputs": rng.standard_normal((len(x), 4)), "labels": rng.integers(0, 2, len(x))}
    beside = [needs[need] for need in ("inputs", "labels") if need in measure.needs]
    return (x, *beside) if beside else x


@ALL
@settings(deadline=None, max_examples=10)
@given(
    st.floats(1e-3, 1e6) | st.just(0.0),
    st.integers(0, 10**6),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_what_does_not_vary_between_samples_is_compared_with_nothing(
    measure: Measure, level: float, seed: int, dtype: type, rounded: bool
) -> None:
    alive = related(seed, 40, 4, 5)[1].astype(dtype)
    dead = np.full((40, 3), level, dtype) * np.array([1, 3, -2], dtype)
    if rounded:  # the last digit of a constant is no variation
        dead[::2] = np.nextafter(dead[::2], dtype(np.inf)) if level else 0
    for x, y in ((dead, alive), (alive, dead), (dead, dead)):
        with pytest.raises(SimilarityError, match=r"\(40, 3\) has constant neurons only"):
            measure(taken(measure, x), taken(measure, y))


@ALL
def test_one_neuron_that_varies_is_enough(measure: Measure) -> None:
    x, y = related(0, 40, 3, 3)
    x[:, 1:] = [0, 1e6]
    low, high = measure.range
    assert low <= measure(taken(measure, x), taken(measure, y)) <= high
