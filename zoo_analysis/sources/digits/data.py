"""scikit-learn's handwritten digits, split once and for all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import torch

#: Images that no training ever sees, stratified by digit; the other 1,000 are trained on.
TEST_IMAGES: Final = 797
_SPLIT_SEED: Final = 0


@dataclass(frozen=True)
class Split:
    """Images (n, 1, size, size) float32 in [−1, 1] and labels (n,) int64."""

    images: "torch.Tensor"
    labels: "torch.Tensor"


def split_indices(n: int, labels: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Which of the digits are trained on and which are held out.

    Args:
        n: number of images.
        labels: (n,) their digits.

    Returns:
        Indices of the training and of the held-out images: the same for every model.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(n), test_size=TEST_IMAGES, stratify=labels, random_state=_SPLIT_SEED
    )
    return train, test


def load_split(image_size: int) -> tuple[Split, Split]:
    """The training and held-out digits.

    Args:
        image_size: pixels a side, to which the 8 × 8 images are enlarged bilinearly.

    Returns:
        1,000 training and 797 held-out images.
    """
    import torch
    from sklearn.datasets import load_digits
    from torch.nn.functional import interpolate

    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1  # pixels: 0 … 16
    if image_size != images.shape[-1]:
        images = interpolate(images, size=(image_size, image_size), mode="bilinear")
    labels = torch.tensor(digits.target, dtype=torch.int64)
    train, test = split_indices(len(labels), digits.target)
    return Split(images[train], labels[train]), Split(images[test], labels[test])
