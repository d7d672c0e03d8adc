"""Leading subspaces, beside plain singular value decompositions and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import leading_directions, overlaps, subspace_overlap

torch.set_num_threads(1)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.integers(2, 40), st.data())
def test_they_span_what_the_leading_singular_vectors_span(n, m, data):
    k = data.draw(st.integers(1, min(n, m)))
    w = random(n, m, seed=data.draw(st.integers(0, 10**6))) * 10.0 ** data.draw(st.integers(-3, 3))
    u, _, vt = np.linalg.svd(w.numpy(), full_matrices=False)
    for found, known in zip(leading_directions(w, k), (u[:, :k], vt[:k].T), strict=True):
        np.testing.assert_allclose(found.mT @ found, np.eye(k), atol=1e-9)
        np.testing.assert_allclose(found @ found.mT, known @ known.T, atol=1e-5)


def test_values_that_are_zero_have_no_direction():
    left, right = leading_directions(random(20, 3) @ random(3, 30, seed=1), 10)
    assert (left.shape, right.shape) == ((20, 3), (30, 3))


def test_leading_subspaces_overlap_as_far_as_they_share_directions():
    basis = torch.linalg.qr(random(40, 40)).Q
    first = basis[:, :4] @ random(4, 30)
    half = torch.cat([basis[:, :2], basis[:, 10:12]], dim=1) @ random(4, 30, seed=1)
    apart = basis[:, 20:24] @ random(4, 30, seed=2)
    found = subspace_overlap(torch.stack([first, half, apart]), 4)
    np.testing.assert_allclose(found, [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]], atol=1e-12)
    many = subspace_overlap(random(12, 200, 60, seed=3), 10)
    assert many[np.triu_indices(12, 1)].mean() == pytest.approx(10 / 200, rel=0.1)
    with pytest.raises(ValueError, match="k is 31"):
        subspace_overlap(first[None], 31)


def test_a_subspace_within_another_overlaps_with_it_altogether():
    basis = torch.linalg.qr(random(9, 9)).Q
    found = overlaps([basis[:, :2], basis[:, :5], basis[:, :0]])
    assert found[0, 1] == pytest.approx(1)
    assert np.isnan(found[2]).all()
