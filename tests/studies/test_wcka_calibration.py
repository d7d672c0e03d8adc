"""Networks that are alike and networks that are not."""

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.studies.analysis.test_expected_similarity import made
from zoo_analysis.similarity.kernels.kernel_alignment import cka
from zoo_analysis.similarity.weights_only import wcka
from zoo_analysis.studies.analysis.expected_similarity import margin
from zoo_analysis.studies.lab.corruptions import corrupted
from zoo_analysis.studies.lab.mnist import load_three_digits
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Outcome, Setting
from zoo_analysis.studies.wcka_calibration import (
    LATE,
    RIVALS,
    judged,
    run,
    similarities,
    trained,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def nets(cache: Path) -> list[TrainedNet]:
    return [trained(seed, True, cache) for seed in range(3)]


@pytest.fixture(scope="module")
def found(cache: Path) -> Outcome:
    return run(Setting(cache, seeds=3, small=True))


def test_the_network_and_its_epochs_are_the_published_ones(nets: list[TrainedNet]) -> None:
    shapes = [tuple(w.shape) for w in nets[0].net().weights()]
    assert shapes == [(784, 32), (32, 32), (32, 32), (32, 32), (32, 3)]
    assert LATE[0] == 95
    assert all(after == before + 1 for before, after in pairwise(LATE))


def test_wcka_is_that_of_the_whole_chain_and_by_the_hidden_chains_mean(
    nets: list[TrainedNet],
) -> None:
    whole, mean = similarities("wcka", "clean", 0, nets)
    a, b = (net.net(0).weights() for net in nets[:2])
    assert whole.values[0] == pytest.approx(wcka(a, b).value)
    assert mean.values[0] == pytest.approx(wcka(a[:-1], b[:-1]).layer_values.diagonal().mean())
    a, b = (nets[-1].net(epoch).weights() for epoch in nets[-1].epochs[-2:])
    assert whole.values[-1] == pytest.approx(wcka(a, b).value)


def test_random_chains_are_alike_by_their_width_over_the_inputs(nets: list[TrainedNet]) -> None:
    """Of Gaussian F (d × m) the expected CKA of FFᵀ is about m/d; the whole chain ends in 3."""
    whole, mean = similarities("wcka", "clean", 0, nets)
    assert whole.of(np.arange(3))[0].mean() == pytest.approx(3 / 784, abs=0.004)
    assert mean.of(np.arange(3))[0].mean() > 2 * whole.of(np.arange(3))[0].mean()


def test_cka_is_of_the_last_hidden_layers_over_the_corrupted_images(nets: list[TrainedNet]) -> None:
    last, mean = similarities("cka", "fog", 40, nets)
    shown = corrupted("fog", load_three_digits()[1].sample(40).images)
    layers = [[x for _, x in net.net(0).activations(shown)] for net in nets]
    by_layer = [[cka(x, y) for x, y in zip(*ab, strict=True)] for ab in combinations(layers, 2)]
    random, adjacent = last.of(np.arange(3))
    np.testing.assert_allclose(random, [each[-1] for each in by_layer], rtol=1e-5)
    np.testing.assert_allclose(mean.of(np.arange(3))[0], np.mean(by_layer, axis=1), rtol=1e-5)
    assert len(adjacent) == 3 * len([*pairwise(nets[0].epochs[1:])])


@pytest.mark.parametrize("name", ["wcka", *RIVALS])
def test_a_network_is_wholly_like_itself(name: str, nets: list[TrainedNet]) -> None:
    same = replace(nets[0], epochs=(0, 4, 4))
    for each in similarities(name, "clean", 64, [same]):
        assert each.values == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("spread", "seen"), [(0.3, True), (0.001, False)])
def test_the_finding_is_that_wcka_is_nearer_than_every_other(spread: float, seen: bool) -> None:
    ours = made(0.01, 0.99)
    others = [made(0.6, 0.95, "cka"), made(0.0, 1.0, "dcka", spread=spread)]
    margins = [margin(ours, each) for each in others]
    verdict, answer = judged(ours, margins)
    assert answer is seen
    assert verdict.startswith("Seen" if seen else "Not seen")


def test_a_small_run_has_all_measures_their_times_and_what_was_published(found: Outcome) -> None:
    rows = found.table.to_pylist()
    assert {row["measure"] for row in rows} == {"wcka", *RIVALS}
    assert all(row["value"] > 0 for row in rows if row["quantity"] == "seconds a pair")
    groups = {row["group"] for row in rows}
    assert {"weights", "clean, 10 images", "clean, 30 images", "shot_noise, 30 images"} < groups
    largest = [r for r in rows if r["quantity"] == "largest of random networks"]
    assert {r["group"] for r in largest} > {"published, 3,147 images"}
    assert found.verdict.startswith(("Seen", "Not seen"))
