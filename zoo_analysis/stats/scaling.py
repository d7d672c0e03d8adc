"""Classical multidimensional scaling: things in the plane by their distances."""

from dataclasses import dataclass

import numpy as np

from zoo_analysis.stats.computable import Floats


@dataclass(frozen=True)
class Plane:
    """Things in the plane.

    Attributes:
        points: (n, 2) coordinates in units of the distances, centred, along the principal axes.
        stress: Kruskal's stress-1 of the distances in the plane, 0 where they are the ones given.
        share: of the sum of the positive eigenvalues, that of the two axes.
    """

    points: Floats
    stress: float
    share: float


def classical_scaling(distances: Floats) -> Plane:
    """Classical multidimensional scaling (Torgerson 1952; Gower 1966).

    Args:
        distances: (n, n) symmetric, finite, ≥ 0, n ≥ 2.
    """
    n = len(distances)
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-centring @ distances**2 @ centring / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    points = np.zeros((n, 2))
    points[:, : min(n, 2)] = vectors[:, :2] * np.sqrt(np.clip(values[:2], 0, None))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    whole = float((distances**2).sum())
    positive = float(np.clip(values, 0, None).sum())
    return Plane(
        points,
        float(np.sqrt(((apart - distances) ** 2).sum() / whole)) if whole else 0.0,
        float(np.clip(values[:2], 0, None).sum() / positive) if positive else 1.0,
    )
