"""Two digits in one image, and a task on them that takes depth."""

from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from zoo_analysis.studies.lab.mnist import Digits, load_mnist

_TRAINING: Final = 12_000
_HELD_OUT: Final = 1_000


@lru_cache(maxsize=1)
def load_digit_pairs() -> tuple[Digits, Digits]:
    """Pairs of digits side by side at half their size, labelled by the last digit of their sum.

    A linear probe reads a single digit off the pixels, and so off any layer; of the last digit of a
    sum it can read nothing from them, and has it only where a network has come to combine the two.

    Returns:
        12,000 pairs of the training digits, 1,000 of the held-out ones, drawn with replacement, the
        same for every study: images (n × 1 × 28 × 28), labels 0 to 9.
    """
    training, test = load_mnist()
    return _paired(training, _TRAINING, 0), _paired(test, _HELD_OUT, 1)


def _paired(digits: Digits, n: int, seed: int) -> Digits:
    drawn = torch.randint(len(digits), (2, n), generator=torch.Generator().manual_seed(seed))
    halves: list[Tensor] = [avg_pool2d(digits.images[each], 2) for each in drawn]
    labels = digits.labels[drawn].sum(0) % 10
    return Digits(pad(torch.cat(halves, dim=3), (0, 0, 7, 7)), labels)
