"""Alignment of streams undoes what leaves a network's function as it is; CKA of what is left."""

import numpy as np
import pytest
import torch

from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.lineage.aligned_cka import aligned_cka, stream_alignment
from zoo_analysis.similarity import cka_debiased


def _gaussian(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def _manipulated(basis: torch.Tensor, reader: torch.Tensor, seed: int) -> tuple[torch.Tensor, ...]:
    """The same network with its stream permuted, signed and scaled, and its outputs rotated."""
    draw = torch.Generator().manual_seed(seed)
    d, out = reader.shape
    order = torch.randperm(d, generator=draw)
    factor = (torch.rand(d, generator=draw) + 0.5) * torch.randn(d, generator=draw).sign()
    rotation = torch.linalg.qr(torch.randn(out, out, generator=draw)).Q
    return basis[:, order] * factor, (reader[order] / factor[:, None]) @ rotation


def test_permutations_signs_scales_and_rotations_are_undone() -> None:
    basis, reader = _gaussian(200, 24, 0), _gaussian(24, 12, 1)
    other_basis, other_reader = _manipulated(basis, reader, 2)
    partner, factors = stream_alignment(basis, other_basis)
    assert torch.allclose(other_basis[:, partner] / torch.from_numpy(factors), basis.double())
    found = aligned_cka(basis, other_basis, {"q": (reader, other_reader)})
    assert found["q"] == pytest.approx(1, abs=1e-6)


def test_strangers_have_none_on_average_whatever_their_widths() -> None:
    found = [
        aligned_cka(
            _gaussian(200, 24, seed),
            _gaussian(200, 24, seed + 1),
            {"q": (_gaussian(24, 96, seed + 2), _gaussian(24, 48, seed + 3))},
        )["q"]
        for seed in range(0, 400, 4)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / 10


def test_without_a_manipulation_it_is_the_debiased_cka_of_the_weights() -> None:
    basis, a, b = _gaussian(200, 24, 0), _gaussian(24, 40, 1), _gaussian(24, 30, 2)
    expected = cka_debiased.compare(cka_debiased.prepare(a), cka_debiased.prepare(b))
    assert aligned_cka(basis, basis, {"k": (a, b)})["k"] == pytest.approx(expected, abs=1e-5)


def test_of_vocabularies_of_two_sizes_the_shared_words_count() -> None:
    basis = _gaussian(220, 16, 0)
    assert (stream_alignment(basis, basis[:200])[0] == np.arange(16)).all()


def test_streams_of_two_widths_are_refused() -> None:
    with pytest.raises(SimilarityError, match="8 and 9 dimensions"):
        stream_alignment(_gaussian(20, 8, 0), _gaussian(20, 9, 0))
