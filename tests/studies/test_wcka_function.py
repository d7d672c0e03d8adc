"""Likeness of weights and of activations against agreed predictions."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from zoo_analysis.similarity import wcka
from zoo_analysis.stats import correlation
from zoo_analysis.studies.analysis.predictability import Pairs, predicted, redrawn
from zoo_analysis.studies.lab.mnist import load_mnist
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Outcome, Setting
from zoo_analysis.studies.wcka_function import (
    ALL_INPUTS,
    ARCHITECTURES,
    MEASURES,
    RIVALS,
    SURROGATE,
    WCKA,
    judged,
    predictions,
    run,
    similarities,
    trained,
)

EPOCHS = (1, 2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def nets(cache: Path) -> list[tuple[TrainedNet, int]]:
    kept = [trained(spec, 0, EPOCHS, "standard", True, cache) for spec in ARCHITECTURES[:2]]
    return [(net, epoch) for net in kept for epoch in EPOCHS]


@pytest.fixture(scope="module")
def found(cache: Path) -> Outcome:
    return run(Setting(cache, seeds=2, small=True))


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


def test_the_verdict_follows_what_was_planted() -> None:
    verdict, seen = judged(planted(WCKA))
    assert seen is True
    assert verdict.startswith("Seen")
    verdict, seen = judged(planted("cka"))
    assert seen is False
    assert verdict.startswith("Not seen")
    assert verdict.endswith("ahead of all on no inputs and behind all on none.")


def test_the_verdict_names_the_inputs_on_which_wcka_leads() -> None:
    leading, trailing = planted(WCKA), planted("cka")
    pairs = Pairs(
        leading.first,
        leading.second,
        leading.draw,
        leading.similarity,
        {
            "clean": trailing.agreement[ALL_INPUTS][::-1],
            "fgsm": leading.agreement[ALL_INPUTS],
            ALL_INPUTS: trailing.agreement[ALL_INPUTS][::-1],
        },
    )
    verdict, seen = judged(pairs)
    assert seen is False
    assert "ahead of all on fgsm inputs" in verdict


def test_two_draws_leave_nothing_to_say() -> None:
    assert judged(planted(WCKA, draws=2))[1] is None


def test_both_intervals_are_around_spearmans_coefficient() -> None:
    pairs = planted("cka")
    rho = stats.spearmanr(pairs.similarity["cka"], pairs.agreement[ALL_INPUTS]).statistic
    over_pairs = predicted(pairs, "cka", ALL_INPUTS, "spearman", "all pairs")
    over_draws = redrawn(pairs, "cka", ALL_INPUTS)
    assert over_pairs.value == pytest.approx(rho)
    assert over_draws.value == pytest.approx(rho)
    assert (over_pairs.n, over_draws.n) == (len(pairs.first), 12)
    assert over_draws.low < rho < over_draws.high


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
            [correlation(x, y, "spearman"), redrawn(pairs, WCKA, ALL_INPUTS)]
        ):
            missed[k] += not found.low <= 0 <= found.high
    over_pairs, over_draws = missed / 60
    assert over_pairs > 0.3
    assert over_draws < 0.15


def test_a_difference_is_that_of_the_coefficients() -> None:
    pairs = planted("cka")
    rho = [redrawn(pairs, name, ALL_INPUTS).value for name in (WCKA, "cka")]
    difference = redrawn(pairs, WCKA, ALL_INPUTS, "cka")
    assert difference.value == pytest.approx(rho[0] - rho[1])
    assert difference.high < 0


def test_weights_are_compared_to_the_outputs_and_to_the_last_hidden_layer(
    nets: list[tuple[TrainedNet, int]],
) -> None:
    a, b = ([w.numpy() for w in net.net(epoch).weights()] for net, epoch in (nets[1], nets[3]))
    whole = wcka(a, b)
    some = [nets[1], nets[3]]
    assert similarities(WCKA, some, True) == pytest.approx([whole.value])
    assert similarities("wcka to the last hidden layer", some, True) == pytest.approx(
        [whole.layer_values[-2, -2]]
    )


@pytest.mark.parametrize("name", MEASURES)
def test_a_network_is_most_like_itself(name: str, nets: list[tuple[TrainedNet, int]]) -> None:
    values = similarities(name, [nets[0], nets[0], nets[2]], True)
    assert values[0] > values[1]
    assert values[1] == pytest.approx(values[2], abs=1e-6)


def test_predictions_are_the_networks_own_on_inputs_that_all_share(
    nets: list[tuple[TrainedNet, int]], cache: Path
) -> None:
    surrogate = trained(SURROGATE, 0, EPOCHS, "standard", True, cache)
    classes = predictions(nets, surrogate, True)
    test = load_mnist()[1].sample(120)
    own = nets[1][0].net(2).logits(test.images).argmax(1).numpy()
    np.testing.assert_array_equal(classes["clean"][1], own)
    alone = predictions(nets[1:2], surrogate, True)
    for inputs, each in alone.items():
        np.testing.assert_array_equal(each[0], classes[inputs][1])
    assert len(classes) == 8


def test_a_small_run_counts_the_pairs_that_differ_in_one_thing(found: Outcome) -> None:
    rows = found.table.to_pylist()
    n = {row["group"]: row["n"] for row in rows}
    networks = 2 * 2 * 2 * 2  # architectures, seeds, strategies, epochs
    assert n["all pairs"] == networks * (networks - 1) // 2
    for trait in ("architecture", "seed", "strategy", "epoch"):
        assert n[f"pairs of different {trait} alone"] == networks // 2
    assert {row["measure"] for row in rows} >= set(MEASURES)
    assert {row["verdict"] for row in rows} == {found.verdict}
