"""Arrays to compare, what may be done to them, and measures with what they take."""

import numpy as np
import torch
from hypothesis import strategies as st

from zoo_analysis.activations import LayerActivations, Neurons, common_grid, neuron_values

torch.set_num_threads(1)


def pair_values(
    a: LayerActivations, b: LayerActivations, neurons: Neurons
) -> tuple[np.ndarray, np.ndarray] | None:
    """Two layers as arrays of the same samples; None where they have none in common."""
    grid = common_grid(a, b)
    if grid is None:
        return None
    return neuron_values(a, grid, neurons), neuron_values(b, grid, neurons)


def related(seed: int, n: int, d1: int, d2: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float64 arrays (n × d₁), (n × d₂) that share some of their variation, with means."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))
    x, y = (
        shared @ rng.standard_normal((3, d)) + rng.standard_normal((n, d)) + rng.normal(size=d)
        for d in (d1, d2)
    )
    return x, y


@st.composite
def pairs(draw):
    """Arrays of different widths whose subspaces need not meet: n > d₁ + d₂."""
    d1, d2 = draw(st.integers(2, 7)), draw(st.integers(2, 7))
    return related(draw(st.integers(0, 10**6)), draw(st.integers(16, 40)), d1, d2)


def rotation(rng: np.random.Generator, d: int) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def transformed(x: np.ndarray, how: str, seed: int) -> np.ndarray:
    """What an `Invariance` allows, done strongly enough for others to notice."""
    rng = np.random.default_rng(seed)
    d = x.shape[1]
    scales = np.geomspace(0.1, 10, d) * rng.choice([-1, 1], d)
    match how:
        case "permutation":
            return x[:, rng.permutation(d)]
        case "orthogonal":
            return x @ rotation(rng, d)
        case "invertible":
            return x @ rotation(rng, d) @ np.diag(scales) @ rotation(rng, d)
        case "isotropic scaling":
            return x * rng.choice([-1, 1]) * 10 ** rng.uniform(-6, 6)
        case "neuron scaling":
            return x * scales
        case "translation":
            return x + rng.normal(size=d) * 10
    raise ValueError(how)
