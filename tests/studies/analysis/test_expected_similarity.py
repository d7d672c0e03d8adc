"""Distances from what a measure should say of networks that are alike, and of ones that are not."""

import numpy as np
import pytest

from zoo_analysis.studies.analysis.expected_similarity import PairSimilarities, margin, summarised


def made(
    random: float,
    adjacent: float,
    measure: str = "wcka",
    *,
    spread: float = 0.01,
    networks: int = 6,
) -> PairSimilarities:
    """Similarities with given means and standard deviation, four adjacent pairs a network."""
    rng = np.random.default_rng(len(measure))
    pairs = networks * (networks - 1) // 2
    values = np.r_[np.full(pairs, random), np.full(4 * networks, adjacent)]
    values += spread * rng.normal(size=len(values))
    return PairSimilarities(measure, "clean, 30 images", networks, values, 0.1)


def test_a_distance_is_mean_and_spread_together() -> None:
    found = made(0.3, 0.9, spread=0.2, networks=80)
    random, adjacent, both = found.distances(np.arange(80))
    assert random == pytest.approx(np.hypot(0.3, 0.2), abs=0.01)
    assert adjacent == pytest.approx(np.hypot(0.1, 0.2), abs=0.03)
    assert both == pytest.approx(np.hypot(random, adjacent) / np.sqrt(2))


def test_an_unbiased_measure_that_scatters_is_further_than_a_biased_one_that_does_not() -> None:
    """Which the separation of the means, equal here, cannot tell."""
    scattered, sure = made(0.0, 1.0, "dcka", spread=0.2), made(0.02, 0.98, spread=0.001)
    assert margin(sure, scattered).low > 0
    rows = {row.quantity: row for row in summarised(scattered)}
    assert rows["random networks"].value == pytest.approx(0, abs=0.1)
    assert rows["largest of random networks"].value > 0.2


def test_pairs_of_a_network_go_with_it() -> None:
    networks = 5
    pairs = np.array([*np.ndindex(networks, networks)])
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    values = np.r_[10 * pairs[:, 0] + pairs[:, 1], np.repeat(np.arange(networks), 2)].astype(float)
    found = PairSimilarities("wcka", "", networks, values, 0)
    random, adjacent = found.of(np.array([0, 2, 4]))
    assert random.tolist() == [2, 4, 24]
    assert adjacent.tolist() == [0, 0, 2, 2, 4, 4]


def test_overlap_is_the_share_of_random_pairs_above_adjacent_ones() -> None:
    found = made(0.2, 0.2)
    rows = {row.quantity: row for row in summarised(found)}
    random, adjacent = found.of(np.arange(6))
    above = np.mean([[r > a for a in adjacent] for r in random])
    assert rows["overlap"].value == pytest.approx(above)
    distance = rows["distance from 1 of adjacent epochs"]
    assert distance.low < distance.value < distance.high
