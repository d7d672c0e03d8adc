"""What measures prepare is kept from pair to pair."""

from functools import partial

import numpy as np
import torch

from zoo_analysis.pairwise.prepared import PreparedCache


def test_prepared_arrays_are_kept_within_a_limit() -> None:
    kept, made = PreparedCache(limit=100), []

    def make(key: str) -> tuple[torch.Tensor, np.ndarray]:
        made.append(key)
        return torch.zeros(5), np.zeros(30, np.int8)  # 20 + 30 bytes

    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, partial(make, key))
    assert made == ["a", "b", "c", "b"]
    assert kept.size == 100
