"""Networks that are alike and networks that are not."""

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from zoo_analysis.similarity.kernel_alignment import cka
from zoo_analysis.similarity.weights_only import wcka
from zoo_analysis.studies.lab.mnist import load_mnist
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Outcome, Setting
from zoo_analysis.studies.wcka_calibration import (
    PairSimilarities,
    judged,
    margin,
    run,
    similarities,
    summarised,
    trained,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def nets(cache: Path) -> list[TrainedNet]:
    return [trained(seed, True, cache) for seed in range(3)]


@pytest.fixture(scope="module")
def found(cache: Path, nets: list[TrainedNet]) -> Outcome:
    return run(Setting(cache, seeds=3, small=True))


def made(
    random: float, adjacent: float, measure: str = "wcka", networks: int = 6
) -> PairSimilarities:
    rng = np.random.default_rng(len(measure))
    pairs = networks * (networks - 1) // 2
    return PairSimilarities(
        measure,
        128,
        random + 0.01 * rng.normal(size=pairs),
        adjacent + 0.01 * rng.normal(size=(networks, 4)),
        0.1,
    )


def test_wcka_is_that_of_the_hidden_layers_chains(nets: list[TrainedNet]) -> None:
    told = similarities("wcka", 0, nets)
    a, b = (net.net(0).weights()[:-1] for net in nets[:2])
    assert told.random[0] == pytest.approx(wcka(a, b).layer_values.diagonal().mean())
    a, b = (nets[0].net(epoch).weights()[:-1] for epoch in nets[0].epochs[-2:])
    assert told.adjacent[0, -1] == pytest.approx(wcka(a, b).layer_values.diagonal().mean())


def test_cka_is_the_mean_over_layers_of_one_depth(nets: list[TrainedNet]) -> None:
    told = similarities("cka", 64, nets)
    shown = load_mnist()[1].sample(64).images
    layers = [[x for _, x in net.net(0).activations(shown)] for net in nets]
    expected = [
        np.mean([cka(x, y) for x, y in zip(a, b, strict=True)]) for a, b in combinations(layers, 2)
    ]
    np.testing.assert_allclose(told.random, expected, rtol=1e-6)
    assert told.adjacent.shape == (3, len([*pairwise(nets[0].epochs[1:])]))


@pytest.mark.parametrize("name", ["wcka", "cka", "dcka", "procrustes"])
def test_a_network_is_wholly_like_itself(name: str, nets: list[TrainedNet]) -> None:
    same = replace(nets[0], epochs=(0, 3, 3))
    assert similarities(name, 64, [same]).adjacent == pytest.approx(1, abs=1e-6)


def test_overlap_is_the_share_of_random_pairs_above_adjacent_ones() -> None:
    apart = made(0.2, 0.2)
    rows = {row.quantity: row for row in summarised(apart)}
    above = np.mean([[r > a for a in apart.adjacent.ravel()] for r in apart.random])
    assert rows["overlap"].value == pytest.approx(above)
    assert rows["separation"].value == pytest.approx(apart.adjacent.mean() - apart.random.mean())
    assert rows["separation"].low < rows["separation"].value < rows["separation"].high


@pytest.mark.parametrize(("other", "seen"), [(0.6, True), (0.1, False), (0.05, False)])
def test_the_finding_is_that_wcka_separates_more_than_every_other(other: float, seen: bool) -> None:
    ours = made(0.1, 0.9)
    others = [made(0.6, 0.95, "cka"), made(other, 0.95, "dcka"), made(0.7, 0.9, "procrustes")]
    margins = [margin(ours, each) for each in others]
    assert margins[0].value == pytest.approx(0.8 - 0.35, abs=0.02)
    verdict, answer = judged(ours, margins)
    assert answer is seen
    assert verdict.startswith("Seen" if seen else "Not seen")


def test_a_small_run_has_all_measures_and_their_times(found: Outcome) -> None:
    rows = found.table.to_pylist()
    assert {row["measure"] for row in rows} == {"wcka", "cka", "dcka", "procrustes"}
    assert all(row["value"] > 0 for row in rows if row["quantity"] == "seconds a pair")
    assert {row["group"] for row in rows} == {"no samples", "128 samples"}
    assert found.verdict.startswith(("Seen", "Not seen"))
