"""scikit-learn's handwritten digits as the digits zoo is shown them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo_analysis.activations.probes.digits import split_indices

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Split:
    """Images (n, 1, size, size) float32 in [−1, 1] and labels (n,) int64."""

    images: "torch.Tensor"
    labels: "torch.Tensor"


def load_split(image_size: int) -> tuple[Split, Split]:
    """The training and the held-out digits.

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
    train, test = split_indices(digits.target)
    return Split(images[train], labels[train]), Split(images[test], labels[test])
