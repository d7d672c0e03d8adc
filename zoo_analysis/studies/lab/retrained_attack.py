"""A transfer attack in steps, whose surrogate is trained on between them."""

from typing import Final

import torch
from torch import Tensor

from zoo_analysis.digits.training import one_thread
from zoo_analysis.studies.lab.attacks import fgsm
from zoo_analysis.studies.lab.mnist import Digits
from zoo_analysis.studies.lab.networks import Net, NetSpec
from zoo_analysis.studies.lab.optimisation import passes

STEPS: Final = 10
STEP_SIZE: Final = 10 / 255
#: Of 1,000 digits, as many descents a step as three passes over the published 14,000 were.
_EPOCHS: Final = 16


def retrained_attack(
    spec: NetSpec,
    digits: Digits,
    seed: int,
    *,
    steps: int = STEPS,
    size: float = STEP_SIZE,
    epochs: int = _EPOCHS,
) -> Tensor:
    """Images after steps along the gradient's sign of a surrogate that learns them on the way.

    Before each step the surrogate is trained further on the images as they are by then, with their
    true labels. A step changes a pixel by `size`, and nothing holds the images near the first ones
    but [0, 1]: after all of them a pixel may be `steps` times `size` away.

    Args:
        spec: of the surrogate.
        digits: to be attacked.
        seed: of the surrogate's weights and the order of the images.
        steps: how many.
        size: of one.
        epochs: passes over the images before each step.

    Returns:
        (n × 1 × h × w), in [0, 1].

    Source: the notebooks of Oskouie et al. 2024, arXiv 2408.08448.
    """
    moved = digits.images
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        surrogate = Net(spec)
        for _ in range(steps):
            for _ in passes(surrogate, Digits(moved, digits.labels), epochs):
                pass
            moved = fgsm(surrogate, moved, digits.labels, size)
    return moved
