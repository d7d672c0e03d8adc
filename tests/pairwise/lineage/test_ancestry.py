"""The tree of a family, against all trees there are; steps that cannot go back."""

from itertools import product

import numpy as np
import pytest

from zoo_analysis.pairwise.lineage.ancestry import WRONG_WAY, descent, is_coarser


def _is_tree(parents: tuple[int | None, ...]) -> bool:
    for node in range(len(parents)):
        seen: set[int] = set()
        at: int | None = node
        while at is not None:
            if at in seen:
                return False
            seen.add(at)
            at = parents[at]
    return sum(parent is None for parent in parents) == 1


@pytest.mark.parametrize("seed", range(8))
def test_no_tree_of_the_family_costs_less(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = 5
    d = draw.random((n, n))
    d, kurtosis = d + d.T, draw.random(n)
    np.fill_diagonal(d, 0)
    found = descent(d, list(kurtosis))
    costs = []
    for rises in (True, False):
        for parents in product([None, *range(n)], repeat=n):
            if not _is_tree(parents):
                continue
            steps = [(p, c) for c, p in enumerate(parents) if p is not None]
            against = {s for s in steps if (kurtosis[s[1]] > kurtosis[s[0]]) != rises}
            root = d[parents.index(None)].sum() / (n - 1)
            costs.append(root + sum(d[s] * (1 + WRONG_WAY * (s in against)) for s in steps))
    assert min(costs) - 1e-9 <= found.cost <= min(costs) / 0.95 + 1e-9
    assert _is_tree(found.parents)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_hub_of_a_star_is_its_root_whichever_way_kurtosis_goes(sign: int) -> None:
    points = np.array([[0, 0], [1, 0], [0, 1], [-1, 0]], dtype=float)
    d = np.linalg.norm(points[:, None] - points, axis=2)
    found = descent(d, [sign * k for k in (0.0, 0.2, 0.3, 0.1)])
    assert found.parents == (None, 0, 0, 0)
    assert found.trend == ("rises" if sign > 0 else "falls")


def test_of_a_star_whose_kurtosis_goes_both_ways_the_hub_is_the_root() -> None:
    points = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], dtype=float)
    d = np.linalg.norm(points[:, None] - points, axis=2)
    assert descent(d, [0.0, 0.2, -0.3, 0.1, -0.1]).parents == (None, 0, 0, 0, 0)


def test_what_is_known_of_two_goes_before_kurtosis() -> None:
    d = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert descent(d, [0.0, 1.0]).parents == (None, 0)
    assert descent(d, [0.0, 1.0], {(0, 1): False, (1, 0): True}).parents == (1, None)


def test_rounding_quantising_clipping_and_pruning_go_one_way() -> None:
    a = np.random.default_rng(0).normal(size=(6, 200)).astype(np.float32)
    scale = np.abs(a).max(1, keepdims=True) / 127
    made = {
        "half": a.astype(np.float16).astype(np.float32),
        "int8 by row": (np.round(a / scale) * scale).astype(np.float32),
        "clipped": a.clip(-1, 1),
        "magnitude": np.where(np.abs(a) < 0.5, 0, a),
        "random": a * (np.random.default_rng(1).random(a.shape) < 0.5),
    }
    for what, b in made.items():
        assert is_coarser(a, b), what
        assert not is_coarser(b, a), what


def test_a_copy_a_scaled_copy_and_a_trained_one_go_no_way() -> None:
    a = np.random.default_rng(0).normal(size=(6, 200))
    for b in (a, 2 * a, a + 0.01 * np.random.default_rng(1).normal(size=a.shape)):
        assert not is_coarser(a, b)
        assert not is_coarser(b, a)
