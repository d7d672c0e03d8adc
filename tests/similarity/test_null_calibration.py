"""Values against chance: exact levels, the reference package, and what follows reorderings."""

import numpy as np
import pytest
import torch

from tests.support.representations import related
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import Measure, calibrate, calibrated, cka, knn
from zoo_analysis.similarity.null_calibration import orders
from zoo_analysis.similarity.registry import measures
from zoo_analysis.similarity.shapes.cca import Subspace

ALL = [
    each
    for each in measures().values()
    if each.of != "weights" and not each.needs and each.name != "agreement"
]


def both_ways(measure: Measure, x, y) -> float:
    return measure.both_ways(measure.prepared(x), measure.prepared(y)).value


def package(x, y, measure: Measure, permutations: int) -> tuple[float, float, float]:
    """Score, p-value and threshold of calibrated-similarity, of the same permutations."""
    theirs = pytest.importorskip("calibrated_similarity")
    following = orders(len(x), permutations)
    sign, best = (1, measure.range[1]) if measure.higher == "more alike" else (-1, measure.range[0])
    value = sign * both_ways(measure, x, y)
    score, p, threshold = theirs.calibrate(
        y,
        x,
        lambda b, a: sign * both_ways(measure, a, b),
        K=permutations,
        smax=None,
        perm_fn=lambda n, device: torch.from_numpy(next(following)),
    )
    return float(score) / (sign * best - (value - float(score))), float(p), sign * float(threshold)


@pytest.mark.parametrize("measure", ALL, ids=lambda each: each.name)
def test_scores_p_values_and_thresholds_are_the_packages(measure: Measure) -> None:
    x, y = map(torch.from_numpy, related(5, 40, 6, 6 if measure.of == "outputs" else 8))
    value, found = calibrate(x, y, measure, 39)
    assert value == both_ways(measure, x, y)
    score, p_value, threshold = package(x, y, measure, 39)
    assert found.p_value == pytest.approx(p_value, abs=1e-6)
    assert found.score == pytest.approx(score, abs=1e-5)
    if found.score > 0:
        assert found.threshold == pytest.approx(threshold, abs=1e-5)


@pytest.mark.parametrize(
    "measure", [each for each in ALL if each.reordered is not None], ids=lambda each: each.name
)
@pytest.mark.parametrize("d", [5, 50])
def test_a_prepared_array_reordered_is_the_reordered_array_prepared(measure, d) -> None:
    if d > 30 and measure.reordered is Subspace.reordered:
        pytest.skip("canonical correlations need more samples than neurons")
    x, y = related(3, 30, d, d if measure.of == "outputs" else 4)
    order = np.random.default_rng(0).permutation(30)
    moved = measure.reordered(measure.prepared(x), torch.from_numpy(order))
    again, other = measure.prepared(x[order]), measure.prepared(y)
    there, back = (measure.both_ways(each, other) for each in (moved, again))
    assert there.value == pytest.approx(back.value, abs=1e-9)


@pytest.mark.parametrize(("permutations", "level"), [(19, 0.05), (39, 0.05), (99, 0.1)])
def test_the_chance_of_a_score_is_the_level_where_all_are_exchangeable(permutations, level) -> None:
    """Every rank of the value among all K + 1 is as likely as any other."""
    ranks = np.arange(permutations + 1.0)
    null = np.stack([np.delete(ranks, rank) for rank in range(permutations + 1)], 1) / 1000
    found = calibrated(ranks / 1000, null, cka, level)
    assert (found.score > 0).mean() == pytest.approx(level)
    assert (found.p_value <= level).mean() == pytest.approx(level)
    assert found.p_value.min() == 1 / (permutations + 1)


def test_ties_are_no_evidence_and_missing_permutations_none_either() -> None:
    found = calibrated(0.3, np.full(39, 0.3), knn)
    assert (found.score, found.p_value) == (0, 1)
    found = calibrated(0.3, np.append(np.zeros(37), [np.nan, np.nan]), knn)
    assert found.p_value == 3 / 40
    assert found.score == 0


def test_a_score_is_the_part_of_the_way_from_chance_to_the_best() -> None:
    null = np.linspace(0, 0.39, 40)[1:]
    assert calibrated(0.7, null, cka).score == pytest.approx((0.7 - 0.38) / (1 - 0.38))
    x, y = related(1, 30, 4, 4)
    for measure in measures().values():
        if measure.of == "activations" and not measure.needs:
            shrunk = 1e-3 if measure.name == "linear_predictivity" else 1e-6  # by its penalty
            assert calibrate(x, x.copy(), measure, 19)[1].score == pytest.approx(1, abs=shrunk)
    with pytest.raises(SimilarityError, match="19 are the least"):
        calibrate(x, y, cka, 18)
    with pytest.raises(SimilarityError, match="needs inputs"):
        calibrate(x, y, measures()["dcka"], 19)


def test_a_distance_is_calibrated_towards_zero() -> None:
    procrustes = measures()["procrustes"]
    found = calibrated(0.5, np.full(19, 1.5), procrustes)
    assert (found.score, found.threshold) == (pytest.approx(2 / 3), 1.5)
