"""Five corruptions of images, one severity each, in the manner of Hendrycks & Dietterich 2019."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

_NOISE: Final = 0.2
_BLUR: Final = 1.0
_CONTRAST: Final = 0.3
_SHIFT: Final = 3
_SQUARE: Final = 8


def _gaussian_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Independent noise, standard deviation 0.2 of the range, on each pixel."""
    noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return (images + _NOISE * noise).clamp(0, 1)


def _blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """A Gaussian of one pixel's standard deviation."""
    from torchvision.transforms.v2.functional import gaussian_blur

    blurred: Tensor = gaussian_blur(images, kernel_size=[5, 5], sigma=[_BLUR, _BLUR])
    return blurred


def _contrast(images: Tensor, generator: torch.Generator) -> Tensor:
    """0.3 of an image's deviations from its own mean."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + _CONTRAST * (images - mean)


def _translate(images: Tensor, generator: torch.Generator) -> Tensor:
    """Up to 3 whole pixels along each axis, each image its own way; what comes in is black."""
    n, _, height, width = images.shape
    pixels = torch.randint(-_SHIFT, _SHIFT + 1, (n, 2), generator=generator)
    theta = torch.eye(2, 3).repeat(n, 1, 1)
    theta[:, :, 2] = 2 * pixels / torch.tensor([width, height])
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    return grid_sample(images, grid.to(images.dtype), mode="nearest", align_corners=False)


def _occlusion(images: Tensor, generator: torch.Generator) -> Tensor:
    """A grey square of 8 × 8 pixels somewhere in each image."""
    n, _, height, width = images.shape
    top = torch.randint(0, height - _SQUARE + 1, (n, 1), generator=generator)
    left = torch.randint(0, width - _SQUARE + 1, (n, 1), generator=generator)
    rows, columns = torch.arange(height), torch.arange(width)
    tall = (rows >= top) & (rows < top + _SQUARE)
    wide = (columns >= left) & (columns < left + _SQUARE)
    return images.masked_fill((tall[:, :, None] & wide[:, None, :])[:, None], 0.5)


#: By name, in the order in which they are shown.
CORRUPTIONS: Final[Mapping[str, Callable[[Tensor, torch.Generator], Tensor]]] = MappingProxyType(
    {
        "noise": _gaussian_noise,
        "blur": _blur,
        "contrast": _contrast,
        "translation": _translate,
        "occlusion": _occlusion,
    }
)


def corrupted(name: str, images: Tensor, seed: int = 0) -> Tensor:
    """Images corrupted, every time in the same way.

    Args:
        name: one of `CORRUPTIONS`.
        images: (n × 1 × h × w) in [0, 1].
        seed: of what is random in it.

    Returns:
        Images of the same shape, in [0, 1].

    Raises:
        KeyError: no corruption is called so.
    """
    return CORRUPTIONS[name](images, torch.Generator().manual_seed(seed))
