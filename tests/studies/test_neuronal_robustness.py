"""Likeness to a CNN against accuracy and robustness."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from zoo_analysis.store.schemas import SIMILARITIES
from zoo_analysis.studies.analysis.candidates import (
    ACCURACY,
    MEAN_LOSS,
    PUBLISHED_LOSS,
    Candidate,
    associated,
)
from zoo_analysis.studies.lab.mnist import load_mnist
from zoo_analysis.studies.neuronal_robustness import (
    CANDIDATES,
    DEEPEST,
    REFERENCE,
    judged,
    published,
    replicated,
    run,
    trained,
)
from zoo_analysis.studies.study import Outcome, Setting


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def found(cache: Path) -> Outcome:
    return run(Setting(cache, seeds=2, small=True))


def measured(seeds: int, effect: float, architecture: float = 0.0) -> list[Candidate]:
    """Networks whose accuracy rises, and whose loss falls, with likeness by `effect`.

    Both also have a level of their architecture, which makes `architecture` of a relation.
    """
    generator = np.random.default_rng(3)
    networks = []
    for seed in range(seeds):
        for level, spec in enumerate(CANDIDATES):
            likeness, noise, other = generator.normal(size=3)
            gain = effect * likeness + architecture * level
            outcomes = {ACCURACY: gain + 0.3 * noise, PUBLISHED_LOSS: -gain + 0.3 * other}
            likeness += abs(architecture) * level
            networks.append(Candidate(spec.name, seed, "", "", (likeness,) * 3, likeness, outcomes))
    return networks


def test_the_association_is_spearmans_and_its_interval_tukeys_on_fishers_scale() -> None:
    networks = measured(4, 1.0)
    sides = [[c.similarity[0] for c in networks], [c.outcomes[ACCURACY] for c in networks]]
    estimate = associated(networks, ACCURACY)
    assert estimate.value == pytest.approx(stats.spearmanr(*sides).statistic)
    z = []
    for seed in range(4):
        rest = [c for c in networks if c.seed != seed]
        sides = [[c.similarity[0] for c in rest], [c.outcomes[ACCURACY] for c in rest]]
        z.append(np.arctanh(stats.spearmanr(*sides).statistic))
    half = stats.t.ppf(0.975, 3) * np.sqrt(3 * np.var(z))
    centre = np.arctanh(estimate.value)
    assert (estimate.low, estimate.high) == pytest.approx(
        (np.tanh(centre - half), np.tanh(centre + half))
    )


def test_within_architectures_their_levels_do_not_count() -> None:
    networks = measured(8, 1.0, architecture=-3.0)
    assert associated(networks, ACCURACY).value < -0.5
    assert associated(networks, ACCURACY, within=True).value > 0.5


@pytest.mark.parametrize(
    ("seeds", "effect", "seen", "word"),
    [
        (6, 2.0, True, "Seen"),
        (6, 0.0, False, "Not seen"),
        (6, -2.0, False, "Not seen"),
        (2, 2.0, None, "Cannot be said"),
    ],
)
def test_the_verdict_follows_a_planted_effect(
    seeds: int, effect: float, seen: bool | None, word: str
) -> None:
    verdict, found = judged(measured(seeds, effect))
    assert found is seen
    assert verdict.startswith(word)


def test_likeness_is_the_published_double_loop(cache: Path, found: Outcome) -> None:
    (candidate,) = [c for c in replicated(0, True, cache) if c.name == DEEPEST]
    images = load_mnist()[1].sample(100).images
    nets = [trained(spec, 0, True, cache).net() for spec in (CANDIDATES[-1], REFERENCE)]
    layers = [[v.flatten(1).double().numpy() for _, v in n.activations(images)] for n in nets]
    depths = [np.repeat(range(len(each)), [v.shape[1] for v in each]) for each in layers]
    units = [np.concatenate(each, axis=1) for each in layers]
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.corrcoef(*units, rowvar=False)[: len(depths[0]), len(depths[0]) :]
    r = np.abs(np.nan_to_num(r)) / (1 + np.abs(depths[0][:, None] - depths[1]))
    ab, ba = r.max(axis=1).mean(), r.max(axis=0).mean()
    assert candidate.similarity == pytest.approx(((ab + ba) / 2, ab, ba), abs=1e-5)
    assert candidate.undistanced >= candidate.similarity[0]


def test_losses_are_points_of_accuracy(cache: Path, found: Outcome) -> None:
    for candidate in replicated(1, True, cache):
        outcomes = dict(candidate.outcomes)
        clean, mean = outcomes.pop(ACCURACY), outcomes.pop(MEAN_LOSS)
        losses = [outcomes.pop(PUBLISHED_LOSS), *outcomes.values()]
        assert mean == pytest.approx(np.mean(list(outcomes.values())))
        assert len(outcomes) == 6
        assert all(clean - 100 <= loss <= clean for loss in losses)


def test_the_authors_own_figures_do_not_pass_the_rule(found: Outcome) -> None:
    """ρ 0.30 of likeness and accuracy over the five MNIST networks: by hand, 1 − 6·14/(5·24)."""
    accuracy, linear, loss, _ = published()
    assert accuracy.value == pytest.approx(1 - 6 * 14 / (5 * 24))
    assert loss.value == pytest.approx(1 - 6 * 36 / (5 * 24))
    assert linear.value > 0.9
    assert accuracy.low < 0 < accuracy.high
    assert "does not hold in the authors' own figures" in found.remarks[0]
    rows = [row for row in found.table.to_pylist() if row["group"] == "published, MNIST"]
    assert [row["n"] for row in rows] == [5] * 4


def test_pearsons_r_stands_beside_spearmans(found: Outcome) -> None:
    quantities = {row["quantity"] for row in found.table.to_pylist()}
    for of in (ACCURACY, PUBLISHED_LOSS, MEAN_LOSS):
        assert {f"{kind} of likeness and {of}" for kind in ("spearman", "pearson")} <= quantities


def test_a_small_run_has_all_rows_and_says_that_it_proves_nothing(found: Outcome) -> None:
    rows = found.table.to_pylist()
    everyone = [row for row in rows if row["group"] == "all networks"]
    assert {row["n"] for row in everyone} == {2 * len(CANDIDATES)}
    assert found.seen is None
    assert {row["verdict"] for row in rows} == {found.verdict}
    assert {row["group"] for row in rows} >= {spec.name for spec in CANDIDATES}


def test_similarities_are_of_each_network_and_the_cnn_of_its_seed(found: Outcome) -> None:
    assert found.similarities is not None
    assert found.similarities.schema == SIMILARITIES
    rows = found.similarities.to_pylist()
    assert len(rows) == 2 * len(CANDIDATES)
    for row in rows:
        assert row["repo_id_a"].rpartition("-")[2] == row["repo_id_b"].rpartition("-")[2]
        assert row["value"] == pytest.approx((row["value_ab"] + row["value_ba"]) / 2)
        assert row["layer_a"] is None
    assert len({row["revision_a"] for row in rows}) == len(rows)
    assert len({row["revision_b"] for row in rows}) == 2


def test_a_second_run_trains_nothing_and_finds_the_same(cache: Path, found: Outcome) -> None:
    written = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    again = run(Setting(cache, seeds=2, small=True))
    assert again.table == found.table
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == written
