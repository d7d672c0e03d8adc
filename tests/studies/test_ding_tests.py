"""Sensitivity to deleted components, specificity against other seeds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, spearmanr
from sklearn.decomposition import PCA

from zoo_analysis.similarity.kernels.kernel_alignment import cka
from zoo_analysis.similarity.shapes.procrustes_distances import procrustes
from zoo_analysis.studies.analysis.dissimilarity import (
    deletions,
    layer_of,
    layers_apart,
    shown,
    truncated,
)
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.ding_tests import (
    PUBLISHED,
    judged,
    probed,
    rank_correlations,
    run,
    trained,
)
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Outcome, Setting


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def nets(cache: Path) -> list[TrainedNet]:
    return [trained(seed, True, cache) for seed in range(2)]


@pytest.fixture(scope="module")
def found(cache: Path, nets: list[TrainedNet]) -> Outcome:
    return run(Setting(cache, seeds=2, small=True))


def test_deleting_components_is_projecting_onto_the_others() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 8, generator=generator) @ torch.randn(8, 8, generator=generator) + 3
    for kept in (1, 3, 8):
        pca = PCA(kept).fit(x.numpy())
        expected = pca.inverse_transform(pca.transform(x.numpy()))
        np.testing.assert_allclose(truncated(x, x, kept).numpy(), expected, atol=1e-4)
    centred = truncated(x, x, 3) - x.mean(0)
    assert int(torch.linalg.matrix_rank(centred, rtol=1e-4)) == 3


def test_a_probe_of_one_component_knows_less(nets: list[TrainedNet]) -> None:
    whole, one = probed(nets[0], 0, (64, 1), True)
    assert whole > one > 0.05


def test_a_dissimilarity_that_is_the_gap_in_accuracy_ranks_perfectly() -> None:
    accuracy = np.random.default_rng(0).uniform(size=(4, 5))
    apart = np.abs(accuracy - accuracy[:, -1][:, None, None])
    np.testing.assert_allclose(rank_correlations(apart, accuracy, -1), 1)
    np.testing.assert_allclose(rank_correlations(-apart, accuracy, -1), -1)


def test_rank_correlations_are_means_over_references_without_themselves() -> None:
    rng = np.random.default_rng(0)
    accuracy, apart = rng.uniform(size=(3, 4)), rng.uniform(size=(3, 3, 4))
    taus, rhos = [], []
    for i in range(3):
        pairs = [
            (apart[i, j, v], abs(accuracy[j, v] - accuracy[i, 0]))
            for j in range(3)
            for v in range(4)
            if (j, v) != (i, 0)
        ]
        taus.append(kendalltau(*zip(*pairs, strict=True)).statistic)
        rhos.append(spearmanr(*zip(*pairs, strict=True)).statistic)
    found = rank_correlations(apart, accuracy, 0)
    np.testing.assert_allclose(found, [np.mean(taus), np.mean(rhos)])


def test_a_measure_that_says_always_the_same_has_no_rank_correlation() -> None:
    accuracy = np.random.default_rng(0).uniform(size=(3, 4))
    assert np.isnan(rank_correlations(np.ones((3, 3, 4)), accuracy, 0)).all()


def test_dissimilarities_are_the_measures_own(nets: list[TrainedNet]) -> None:
    x, y = (layer_of(net, 1, shown()) for net in nets)
    assert len(x) == 500
    apart = deletions("procrustes", nets, 1, (64, 4))
    assert apart.shape == (2, 2, 2)
    assert apart[0, 0, 0] == pytest.approx(0, abs=1e-4)
    assert apart[1, 0, 1] == pytest.approx(procrustes(y, truncated(x, x, 4)), abs=1e-5)
    apart = layers_apart("cka", nets)
    assert apart.shape == (5, 2, 2, 5)
    for depth in (0, 4):
        reference = layer_of(nets[0], depth, shown())
        assert -apart[depth, 0, 1, 1] == pytest.approx(cka(reference, y), abs=1e-5)


def test_deleting_components_raises_the_dissimilarity_of_the_authors_pwcca_and_not_of_ours(
    nets: list[TrainedNet],
) -> None:
    theirs, ours = (deletions(name, nets, 1, (64, 8, 2))[0, 0] for name in ("pwcca_whole", "pwcca"))
    assert theirs[0] == pytest.approx(-1, abs=1e-5)
    assert theirs[0] < theirs[1] < theirs[2]
    assert ours == pytest.approx([-1] * 3, abs=1e-5)


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "seen"),
    [(0.2, 0.2, True), (0.2, -0.2, False), (-0.2, 0.2, False), (0.05, 0.2, False)],
)
def test_the_finding_needs_both_margins(sensitivity: float, specificity: float, seen: bool) -> None:
    margins = {
        ("sensitivity", "cka"): sensitivity,
        ("specificity", "pwcca_whole"): specificity,
    }
    rows = {
        key: Estimate(key[0], "q", key[1], 8, value, value - 0.1, value + 0.1)
        for key, value in margins.items()
    }
    verdict, answer = judged(rows)
    assert answer is seen
    assert verdict.startswith("Seen" if seen else "Not seen")


def test_a_small_run_says_that_two_networks_are_too_few(found: Outcome) -> None:
    rows = found.table.to_pylist()
    groups = {row["group"] for row in rows}
    assert groups >= {"sensitivity", "specificity", "specificity, last layer"}
    assert {row["measure"] for row in rows} == {"cka", "procrustes", "pwcca", "pwcca_whole"}
    assert found.seen is None
    assert found.verdict.startswith("Cannot be said")


def test_published_figures_stand_beside_ours(found: Outcome) -> None:
    rows = {
        (row["group"], row["measure"], row["quantity"]): row["value"]
        for row in found.table.to_pylist()
    }
    for (test, name), (tau, rho) in PUBLISHED.items():
        assert rows[f"{test}, published", name, "Kendall's τ"] == tau < rho
        assert (test, name, "Kendall's τ") in rows
    assert "+0.11 and +0.07: both are above zero" in found.remarks[0]
