"""Fifteen corruptions of digits, one severity each, after MNIST-C (Mu & Gilmer 2019)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images = NDArray[np.float64]  # (n × 28 × 28), in [0, 1]
Corruption = Callable[[Images, np.random.Generator], Images]

_SIDE: Final = 28
_PHOTONS: Final = 3
_IMPULSES: Final = 0.17
_MOTION: Final = 10
_MOTION_SIGMA: Final = 3.0
_SHEAR: Final = 0.4
_SCALE: Final = 1.5
_ANGLE: Final = 0.4
_BRIGHTER: Final = 0.5
_SHIFT: Final = 3
_BORDER: Final = 7
_FOG: Final = 3.0
_SPATTER: Final = 0.65


def _shot_noise(x: Images, rng: np.random.Generator) -> Images:
    """Poisson noise of three photons for a white pixel."""
    return rng.poisson(x * _PHOTONS) / _PHOTONS


def _impulse_noise(x: Images, rng: np.random.Generator) -> Images:
    """A sixth of the pixels black or white."""
    struck = rng.random(x.shape) < _IMPULSES
    return np.where(struck, rng.integers(0, 2, x.shape), x)


def _glass_blur(x: Images, rng: np.random.Generator) -> Images:
    """Pixels exchanged at random with neighbours, twice, between two slight blurs."""
    from scipy.ndimage import gaussian_filter

    y = gaussian_filter(x, (0, 0.7, 0.7))
    every = np.arange(len(y))
    for _ in range(2):
        for i in range(_SIDE - 2, 0, -1):
            for j in range(_SIDE - 2, 0, -1):
                k, m = i + rng.integers(-1, 2, len(y)), j + rng.integers(-1, 2, len(y))
                here = y[:, i, j].copy()
                y[:, i, j] = y[every, k, m]
                y[every, k, m] = here
    blurred: Images = gaussian_filter(y, (0, 0.7, 0.7))
    return blurred


def _motion_blur(x: Images, rng: np.random.Generator) -> Images:
    """Smeared along a line within 45° of the horizontal, half a Gaussian of three pixels."""
    from scipy.ndimage import shift

    steps = np.arange(_MOTION + 1)
    weights = np.exp(-(steps**2) / (2 * _MOTION_SIGMA**2))
    weights /= weights.sum()
    angles = rng.uniform(-np.pi / 4, np.pi / 4, len(x))
    return np.stack(
        [
            sum(
                w * shift(image, (step * np.sin(angle), step * np.cos(angle)), order=1)
                for step, w in zip(steps, weights, strict=True)
            )
            for image, angle in zip(x, angles, strict=True)
        ]
    )


def _moved(x: Images, matrices: Images) -> Images:
    """Images read at a linear map of their coordinates (rows, columns) about the centre."""
    from scipy.ndimage import affine_transform

    centre = np.full(2, (_SIDE - 1) / 2)
    return np.stack(
        [
            affine_transform(image, matrix, centre - matrix @ centre, order=1)
            for image, matrix in zip(x, matrices, strict=True)
        ]
    )


def _signs(x: Images, rng: np.random.Generator) -> Images:
    return rng.choice([-1.0, 1.0], len(x))


def _shear(x: Images, rng: np.random.Generator) -> Images:
    """Rows shifted by 0.4 of their height, to either side."""
    matrices = np.tile(np.eye(2), (len(x), 1, 1))
    matrices[:, 1, 0] = _SHEAR * _signs(x, rng)
    return _moved(x, matrices)


def _scale(x: Images, rng: np.random.Generator) -> Images:
    """Shrunk to two thirds."""
    return _moved(x, np.tile(_SCALE * np.eye(2), (len(x), 1, 1)))


def _rotate(x: Images, rng: np.random.Generator) -> Images:
    """Turned by 0.4 radians, to either side."""
    sine, cosine = np.sin(_ANGLE) * _signs(x, rng), np.full(len(x), np.cos(_ANGLE))
    return _moved(x, np.array([[cosine, -sine], [sine, cosine]]).transpose(2, 0, 1))


def _brightness(x: Images, rng: np.random.Generator) -> Images:
    """Half the range added."""
    return x + _BRIGHTER


def _translate(x: Images, rng: np.random.Generator) -> Images:
    """Three whole pixels along each axis, to either side; what comes in is black."""
    padded = np.pad(x, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT)))
    starts = rng.choice([0, 2 * _SHIFT], (len(x), 2))
    return np.stack(
        [image[i : i + _SIDE, j : j + _SIDE] for image, (i, j) in zip(padded, starts, strict=True)]
    )


def _stripe(x: Images, rng: np.random.Generator) -> Images:
    """The outer quarters, left and right, inverted."""
    y = x.copy()
    for outer in (y[:, :, :_BORDER], y[:, :, -_BORDER:]):
        np.subtract(1, outer, out=outer)
    return y


def _field(n: int, steepness: float, rng: np.random.Generator) -> Images:
    """(n × 28 × 28) random fields in [0, 1], their amplitude falling with frequency to a power."""
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE))
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(rng.normal(size=(n, _SIDE, _SIDE)))
    fields = np.fft.irfft2(noise * frequency**-steepness, (_SIDE, _SIDE))
    low = fields.min((1, 2), keepdims=True)
    return np.asarray((fields - low) / (fields.max((1, 2), keepdims=True) - low))


def _fog(x: Images, rng: np.random.Generator) -> Images:
    """Three times a cloudy field added, and the whole brought back into the range."""
    return (x + _FOG * _field(len(x), 1.5, rng)) / (1 + _FOG)


def _spatter(x: Images, rng: np.random.Generator) -> Images:
    """Grey blots where a smooth field is high."""
    return np.where(_field(len(x), 1.0, rng) > _SPATTER, np.maximum(x, 0.6), x)


def _lines(x: Images, rng: np.random.Generator, wave: Images) -> Images:
    """A white curve across each image, from a random height to another, and a wave about it."""
    ends = rng.integers(0, _SIDE - 1, (len(x), 2))
    columns = np.arange(_SIDE)
    rows = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * columns / (_SIDE - 1) + wave
    return np.clip(1.2 - np.abs(columns[:, None] - rows[:, None, :]), 0, 1)


def _dotted_line(x: Images, rng: np.random.Generator) -> Images:
    """A straight white line across the image, two pixels on and two off."""
    on = np.arange(_SIDE) % 4 < 2
    return x + _lines(x, rng, np.zeros(_SIDE)) * on


def _zigzag(x: Images, rng: np.random.Generator) -> Images:
    """A white line across the image in zigzags of two pixels' height and eight pixels' length."""
    phase = np.arange(_SIDE) % 8
    return x + _lines(x, rng, np.abs(phase - 4.0) - 2)


def _canny_edges(x: Images, rng: np.random.Generator) -> Images:
    """The edges alone, as Canny's detector has them."""
    from skimage.feature import canny

    return np.stack([canny(image) for image in x]).astype(float)


#: By MNIST-C's names, in the order in which they are shown.
CORRUPTIONS: Final[Mapping[str, Corruption]] = MappingProxyType(
    {
        "shot_noise": _shot_noise,
        "impulse_noise": _impulse_noise,
        "glass_blur": _glass_blur,
        "motion_blur": _motion_blur,
        "shear": _shear,
        "scale": _scale,
        "rotate": _rotate,
        "brightness": _brightness,
        "translate": _translate,
        "stripe": _stripe,
        "fog": _fog,
        "spatter": _spatter,
        "dotted_line": _dotted_line,
        "zigzag": _zigzag,
        "canny_edges": _canny_edges,
    }
)


def corrupted(name: str, images: Tensor, seed: int = 0) -> Tensor:
    """Images corrupted, every time in the same way.

    Args:
        name: one of `CORRUPTIONS`.
        images: (n × 1 × 28 × 28) in [0, 1].
        seed: of what is random in it.

    Returns:
        Images of the same shape, in [0, 1].

    Raises:
        KeyError: no corruption is called so.
    """
    corrupt = CORRUPTIONS[name]
    changed = corrupt(images[:, 0].double().numpy(), np.random.default_rng(seed))
    return torch.tensor(changed.clip(0, 1), dtype=images.dtype)[:, None]
