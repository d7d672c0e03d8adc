"""Integers of few bits come out of words as they went in, bit by bit."""

import numpy as np
import pytest
import torch

from zoo_analysis.weights.decoding.packed_bits import unpacked


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("count", [1, 32, 45])
def test_integers_without_gaps_are_the_bits_of_the_words_in_order(bits: int, count: int) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (3, count), dtype=np.uint8)
    each = np.unpackbits(values[..., None], axis=-1, bitorder="little")[..., :bits]
    row = each.reshape(3, -1)
    row = np.pad(row, ((0, 0), (0, -row.shape[1] % 32)))
    words = np.packbits(row, axis=-1, bitorder="little").view("<i4")
    assert unpacked(torch.from_numpy(words), bits, count).numpy().tolist() == values.tolist()
