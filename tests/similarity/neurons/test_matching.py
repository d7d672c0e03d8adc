"""Neurons matched one to one."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import neuronal, neuronal_one_to_one, one_to_one, standardise


def noise(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 5))
def test_it_is_the_best_of_all_assignments(seed: int, d1: int, d2: int) -> None:
    x, y = noise(12, d1, seed), noise(12, d2, seed + 1)
    x[:, 0] = 0.5  # constant
    narrow, wide = sorted((x, y), key=lambda a: a.shape[1])
    r = torch.nan_to_num(torch.corrcoef(torch.cat([narrow, wide], 1).T).abs())
    r = r[: narrow.shape[1], narrow.shape[1] :]
    best = max(
        sum(float(r[i, j]) for i, j in enumerate(order))
        for order in permutations(range(wide.shape[1]), narrow.shape[1])
    )
    assert neuronal_one_to_one(x, y) == pytest.approx(best / len(r), abs=1e-9)
    assert neuronal_one_to_one(y, x) == pytest.approx(best / len(r), abs=1e-9)
    assert neuronal_one_to_one(x.float(), y.float()) == pytest.approx(best / len(r), abs=1e-5)


def test_it_recovers_a_shuffle_of_neurons() -> None:
    x, order = noise(30, 12), torch.randperm(12, generator=torch.Generator().manual_seed(1))
    r, rows, columns = one_to_one(standardise(x), standardise(3 - 2 * x[:, order]))
    torch.testing.assert_close(r, torch.ones(12, dtype=torch.float64))
    assert order[columns].tolist() == rows.tolist()


def test_a_partner_is_not_shared_where_the_maximum_shares_it() -> None:
    x = noise(400, 3)
    copies = x[:, :1].repeat(1, 3) + 1e-6 * noise(400, 3, 1)
    of_maximum = neuronal(copies, x)
    assert of_maximum > 0.5
    assert neuronal_one_to_one(copies, x) == pytest.approx(1 / 3, abs=0.1)


def test_more_neurons_than_can_be_assigned_are_refused() -> None:
    with pytest.raises(SimilarityError, match=r"\(2, 5000\) and \(2, 1\) have more than 4096"):
        neuronal_one_to_one(noise(2, 5000), noise(2, 1))


def test_different_samples_are_refused_with_both_shapes() -> None:
    with pytest.raises(SimilarityError, match=r"\(5, 2\) and \(6, 3\)"):
        neuronal_one_to_one(noise(5, 2), noise(6, 3))
