"""Correlations of measures with agreement, their intervals, and the verdict over kinds of pairs."""

import numpy as np
import pytest
from scipy import stats

from zoo_analysis.stats import correlation
from zoo_analysis.stats.correlations import Kind
from zoo_analysis.studies.analysis.agreement import (
    ALL_INPUTS,
    DECIDING,
    RIVALS,
    TRAITS,
    WCKA,
    judged,
)
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.predictability import KINDS, Pairs, predicted, redrawn


def planted(winner: str, draws: int = 12, each: int = 3, seed: int = 0) -> Pairs:
    """Pairs whose agreement follows one measure; the others are noise about it."""
    generator = np.random.default_rng(seed)
    first, second = np.triu_indices(draws * each, 1)
    trait = generator.normal(size=draws * each)
    agreement = -np.abs(trait[first] - trait[second])

    def noisy(scale: float) -> np.ndarray:
        return agreement + scale * generator.normal(size=len(first))

    similarity = {name: noisy(0.2 if name == winner else 4.0) for name in (WCKA, *RIVALS)}
    draw = np.repeat(np.arange(draws), each)
    return Pairs(first, second, draw, similarity, {ALL_INPUTS: agreement})


def leads(winner: str, draws: int = 12) -> list[Estimate]:
    pairs = planted(winner, draws)
    return [
        redrawn(pairs, WCKA, ALL_INPUTS, kind, "g", rival) for kind in KINDS for rival in RIVALS
    ]


@pytest.mark.parametrize(
    ("led", "seen", "answer"),
    [
        (DECIDING, True, "Seen:"),
        ((), False, "Not seen:"),
        (("epoch",), False, "Not seen:"),
        (("seed",), None, "Seen in part:"),
    ],
)
def test_the_verdict_follows_the_kinds_of_pairs_in_which_wcka_leads(
    led: tuple[str, ...], seen: bool | None, answer: str
) -> None:
    ahead, behind = leads(WCKA), leads("cka")
    verdict, found = judged({trait: ahead if trait in led else behind for trait in TRAITS})
    assert found is seen
    assert verdict.startswith(answer)
    assert "+1.0" in verdict or "-0." in verdict


def test_a_lead_in_one_coefficient_alone_is_none() -> None:
    half = leads(WCKA)[: len(RIVALS)] + leads("cka")[len(RIVALS) :]
    assert judged(dict.fromkeys(TRAITS, half))[1] is False


def test_two_draws_leave_nothing_to_say() -> None:
    verdict, seen = judged(dict.fromkeys(TRAITS, leads(WCKA, draws=2)))
    assert seen is None
    assert verdict.startswith("Cannot be said")


@pytest.mark.parametrize("kind", KINDS)
def test_both_intervals_are_around_the_coefficient(kind: Kind) -> None:
    pairs = planted("cka")
    of = stats.spearmanr if kind == "spearman" else stats.pearsonr
    expected = of(pairs.similarity["cka"], pairs.agreement[ALL_INPUTS]).statistic
    over_pairs = predicted(pairs, "cka", ALL_INPUTS, kind, "all pairs")
    over_draws = redrawn(pairs, "cka", ALL_INPUTS, kind, "all pairs")
    assert over_pairs.value == pytest.approx(expected)
    assert over_draws.value == pytest.approx(expected)
    assert (over_pairs.n, over_draws.n) == (len(pairs.first), 12)
    assert over_draws.low < expected < over_draws.high


def test_pairs_that_share_networks_fool_fishers_interval_but_not_the_one_over_draws() -> None:
    """Likeness and agreement each have a level of every network, unrelated to one another."""
    first, second = np.triu_indices(16, 1)
    missed = np.zeros(2)
    for seed in range(60):
        generator = np.random.default_rng(seed)
        a, b = generator.normal(size=(2, 16))
        x, y = (v[first] + v[second] + 0.3 * generator.normal(size=len(first)) for v in (a, b))
        pairs = Pairs(first, second, np.arange(16), {WCKA: x}, {ALL_INPUTS: y})
        for k, found in enumerate(
            [correlation(x, y, "spearman"), redrawn(pairs, WCKA, ALL_INPUTS, "spearman", "all")]
        ):
            missed[k] += not found.low <= 0 <= found.high
    over_pairs, over_draws = missed / 60
    assert over_pairs > 0.3
    assert over_draws < 0.15


def test_a_difference_is_that_of_the_coefficients() -> None:
    pairs = planted("cka")
    rho = [redrawn(pairs, name, ALL_INPUTS, "spearman", "all").value for name in (WCKA, "cka")]
    difference = redrawn(pairs, WCKA, ALL_INPUTS, "spearman", "all", "cka")
    assert difference.value == pytest.approx(rho[0] - rho[1])
    assert difference.high < 0
