"""Heads on one frozen extractor."""

from pathlib import Path

import pytest
import torch

from zoo_analysis.similarity import wcka
from zoo_analysis.studies.analysis.agreement import WCKA, similarities
from zoo_analysis.studies.lab.mnist import load_ten_digits, load_three_digits
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Setting
from zoo_analysis.studies.wcka_finetuned import EXTRACTOR, HEADS, extracting, run, tuned


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def heads(cache: Path) -> list[TrainedNet]:
    extractor = extracting(True, cache)
    return [tuned(HEADS[0], seed, (1,), "standard", True, cache, extractor) for seed in range(2)]


def test_extractor_and_heads_are_the_published_ones() -> None:
    assert EXTRACTOR.channels == (64, 32)
    assert EXTRACTOR.hidden == (1024,)
    assert [head.hidden for head in HEADS] == [(32,), (1024,), (32,) * 10]


def test_the_extractor_has_seen_no_digit_that_is_measured_on() -> None:
    held_out = {image.numpy().tobytes() for image in load_three_digits()[1].images}
    ten = load_ten_digits()
    assert len(ten) == 4000
    assert len(ten.labels.unique()) == 10
    assert not any(image.numpy().tobytes() in held_out for image in ten.images)


def test_heads_are_compared_by_what_stands_on_the_features(heads: list[TrainedNet]) -> None:
    images = load_three_digits()[1].sample(20).images
    a, b = (head.net() for head in heads)
    (value,) = similarities(WCKA, [(head, 1) for head in heads], 20)
    assert value == pytest.approx(wcka(a.weights()[2:], b.weights()[2:]).value)
    assert a.weights()[2].shape == (512, 32)
    assert torch.equal(a.features(images), b.features(images))
    torch.testing.assert_close(a.head(a.features(images))[1], a.logits(images))


def test_a_small_run_has_a_verdict_over_pairs_of_heads(cache: Path) -> None:
    found = run(Setting(cache, seeds=2, small=True))
    networks = 2 * 2 * 2 * 2
    n = {row["group"]: row["n"] for row in found.table.to_pylist()}
    assert n["pairs of different anything"] == networks * (networks - 1) // 2
    assert found.verdict
