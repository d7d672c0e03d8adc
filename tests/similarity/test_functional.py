"""Likeness of what models answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from sklearn.metrics import accuracy_score

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import accuracy_gap, agreement, js_divergence


def logits(n: int, classes: int, seed: int = 0, scale: float = 3.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((n, classes))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(2, 9))
def test_they_are_scipys_and_scikit_learns(seed: int, n: int, classes: int) -> None:
    x, y = logits(n, classes, seed), logits(n, classes, seed + 1)
    labels = np.random.default_rng(seed).integers(0, classes, n)
    p, q = softmax(x, axis=1), softmax(y, axis=1)
    js = np.mean(jensenshannon(p, q, axis=1, base=2) ** 2)
    assert js_divergence(x, y) == pytest.approx(js, abs=1e-9)
    assert js_divergence(x.astype(np.float32), y) == pytest.approx(js, abs=1e-5)
    assert agreement(x, y) == pytest.approx(accuracy_score(x.argmax(1), y.argmax(1)))
    gap = accuracy_score(labels, x.argmax(1)) - accuracy_score(labels, y.argmax(1))
    assert accuracy_gap((x, labels), (y, labels)) == pytest.approx(100 * abs(gap))


def test_certain_answers_diverge_by_one_bit_or_not_at_all() -> None:
    x = 1e6 * np.eye(4)
    assert js_divergence(x, x) == 0
    assert js_divergence(x, np.roll(x, 1, axis=1)) == 1
    assert agreement(x, x) == 1
    assert agreement(x, np.roll(x, 1, axis=1)) == 0


def test_half_of_the_mass_shared_is_a_known_divergence() -> None:
    x, y = np.array([[0.0, 0, -1e9]]), np.array([[-1e9, 0, 0]])
    assert js_divergence(x, y) == pytest.approx(0.5)


def test_a_constant_added_to_a_samples_logits_changes_nothing() -> None:
    x, y = logits(20, 5), logits(20, 5, 1)
    shifted = x + np.arange(20.0)[:, None]
    assert js_divergence(shifted, y) == pytest.approx(js_divergence(x, y))
    assert agreement(shifted, y) == agreement(x, y)
    assert js_divergence(2 * x, y) != pytest.approx(js_divergence(x, y))
    assert agreement(2 * x, y) == agreement(x, y)
    assert agreement(x[:, ::-1], y) != agreement(x, y)


@pytest.mark.parametrize("measure", [agreement, js_divergence])
def test_different_classes_or_samples_are_refused_with_both_shapes(measure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SimilarityError, match=r"\(5, 3\) and \(5, 4\) have different classes"):
        measure(logits(5, 3), logits(5, 4))
    with pytest.raises(SimilarityError, match=r"\(5, 3\) and \(6, 3\)"):
        measure(logits(5, 3), logits(6, 3))
    with pytest.raises(SimilarityError, match=r"\(5, 1\) have a single class"):
        measure(logits(5, 1), logits(5, 1))


def test_accuracies_may_be_of_different_classes_but_need_fitting_labels() -> None:
    labels = np.array([0, 1, 2])
    first = np.array([[2.0], [3.0], [4.0]]) * [1, 0, 0, 0]  # always of the first class
    assert accuracy_gap((np.eye(3), labels), (first, labels)) == pytest.approx(200 / 3)
    for bad in (np.array([0, 1]), np.array([0, 1, 3]), np.array([-1, 1, 2]), labels[:, None]):
        with pytest.raises(SimilarityError, match=r"do not fit outputs of shape \(3, 3\)"):
            accuracy_gap((np.eye(3), bad), (np.eye(3), labels))
    with pytest.raises(SimilarityError, match="needs labels"):
        accuracy_gap((np.eye(3), None), (np.eye(3), None))
