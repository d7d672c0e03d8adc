"""Likeness of weights and of activations against agreed predictions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo_analysis.similarity import wcka
from zoo_analysis.studies.analysis.agreement import (
    ALL_INPUTS,
    MEASURES,
    TRAITS,
    WCKA,
    paired,
    predictions,
    similarities,
)
from zoo_analysis.studies.lab.mnist import load_three_digits
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Outcome, Setting
from zoo_analysis.studies.wcka_function import ARCHITECTURES, SURROGATE, run, trained

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


def test_the_shapes_are_those_printed_each_once() -> None:
    assert {spec.hidden for spec in ARCHITECTURES} == {(8,), (32,), (8,) * 4, (32,) * 4}
    assert {spec.classes for spec in ARCHITECTURES} == {3}


def test_weights_are_compared_to_the_outputs_and_to_the_last_hidden_layer(
    nets: list[tuple[TrainedNet, int]],
) -> None:
    a, b = ([w.numpy() for w in net.net(epoch).weights()] for net, epoch in (nets[1], nets[3]))
    whole = wcka(a, b)
    some = [nets[1], nets[3]]
    assert similarities(WCKA, some, 60) == pytest.approx([whole.value])
    assert similarities("wcka to the last hidden layer", some, 60) == pytest.approx(
        [whole.layer_values[-2, -2]]
    )


@pytest.mark.parametrize("name", MEASURES)
def test_a_network_is_most_like_itself(name: str, nets: list[tuple[TrainedNet, int]]) -> None:
    values = similarities(name, [nets[0], nets[0], nets[2]], 60)
    assert values[0] > values[1]
    assert values[1] == pytest.approx(values[2], abs=1e-6)


def test_predictions_are_the_networks_own_on_inputs_that_all_share(
    nets: list[tuple[TrainedNet, int]], cache: Path
) -> None:
    surrogate = trained(SURROGATE, 0, EPOCHS, "standard", True, cache)
    shown = load_three_digits()[1].sample(60)
    classes = predictions(nets, surrogate, 60)
    own = nets[1][0].net(2).logits(shown.images).argmax(1).numpy()
    np.testing.assert_array_equal(classes["clean"][1], own)
    alone = predictions(nets[1:2], surrogate, 60)
    for inputs, each in alone.items():
        np.testing.assert_array_equal(each[0], classes[inputs][1])
    assert len(classes) == 1 + 15 + 5


def test_pairs_with_a_dead_network_are_left_out_and_counted(
    nets: list[tuple[TrainedNet, int]], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    surrogate = trained(SURROGATE, 0, EPOCHS, "standard", True, cache)
    build: Callable[..., torch.nn.Module] = TrainedNet.net

    def some_dead(self: TrainedNet, epoch: int | None = None) -> torch.nn.Module:
        net = build(self, epoch)
        if self.seed == 9:
            net.linears[-1].bias -= 1e6  # type: ignore[index, operator, union-attr]
        return net

    monkeypatch.setattr(TrainedNet, "net", some_dead)
    with_dead = [*nets, (replace(nets[0][0], seed=9), 1)]
    similarity = {name: similarities(name, with_dead, 60) for name in MEASURES}
    pairs = paired(with_dead, similarity, predictions(with_dead, surrogate, 60))
    n = len(nets)
    assert len(pairs.first) == n * (n - 1) // 2
    assert max(pairs.second) < n


def test_a_small_run_counts_the_pairs_that_differ_in_one_thing(found: Outcome) -> None:
    rows = found.table.to_pylist()
    n = {row["group"]: row["n"] for row in rows}
    networks = 2 * 2 * 2 * 2  # architectures, seeds, strategies, epochs
    assert n["pairs of different anything"] == networks * (networks - 1) // 2
    for trait in TRAITS:
        assert n[f"pairs of different {trait} alone"] == networks // 2
    assert {row["measure"] for row in rows} >= set(MEASURES)
    assert {row["verdict"] for row in rows} == {found.verdict}
    both = {row["quantity"] for row in rows if ALL_INPUTS in row["quantity"]}
    assert {text.split()[0] for text in both} == {"pearson", "spearman"}
