"""Crops of the photographs that scikit-learn and scikit-image carry."""

import math
from typing import Final

import numpy as np

#: scikit-image's photographs, in colour and grey: no drawings, scans, views through a
#: microscope or pictures of next to nothing, and none that would have to be downloaded.
_PHOTOGRAPHS: Final = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "rocket",
    "stereo_motorcycle",
)

#: Pixels a side of a crop as it is shown, and of the smallest that is cut out.
SIDE: Final = 224
SMALLEST: Final = 96


def photographs() -> list[np.ndarray]:
    """Thirteen photographs, uint8, (height, width) or (height, width, 3)."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    pictures = [getattr(data, name)() for name in _PHOTOGRAPHS]
    # The motorcycle is a pair of views; the left one is enough.
    return [*load_sample_images().images, *(p[0] if isinstance(p, tuple) else p for p in pictures)]


def crops(n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Square crops of random photographs, at random places and scales.

    The side of a crop is log-uniform between `SMALLEST` pixels and the photograph's shorter side,
    so that parts of things are seen as often as whole scenes. Crops overlap: n of them tell less
    than n photographs would.

    Args:
        n: how many.
        rng: decides; the first of many crops are those of few.

    Returns:
        uint8, (`SIDE`, `SIDE`) or (`SIDE`, `SIDE`, 3).
    """
    from PIL import Image

    pictures = [Image.fromarray(picture) for picture in photographs()]
    out = []
    for _ in range(n):
        picture = pictures[rng.integers(len(pictures))]
        shorter = min(picture.size)
        side = round(math.exp(rng.uniform(math.log(SMALLEST), math.log(shorter))))
        left, top = (int(rng.integers(length - side + 1)) for length in picture.size)
        box = (left, top, left + side, top + side)
        out.append(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)))
    return out
