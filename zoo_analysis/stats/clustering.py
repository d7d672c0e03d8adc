"""Hierarchical clustering of distances, as a dendrogram."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats.computable import Floats


@dataclass(frozen=True)
class Dendrogram:
    """A tree of n things by average linkage (Sokal & Michener 1958), laid out.

    Attributes:
        order: (n,) indices of the things from one side of the tree to the other.
        clusters: (n,) the cluster of each, numbered from 0 in that order.
        branches: for each join of two clusters, the positions (4,) and heights (4,) of its line;
            the leaf of the i-th in the order is at position i, in units of the distances.
    """

    order: NDArray[np.intp]
    clusters: NDArray[np.intp]
    branches: tuple[tuple[Floats, Floats], ...]


def dendrogram(distances: Floats, most: int) -> Dendrogram:
    """Average-linkage clustering, the order of whose leaves is optimal (Bar-Joseph et al. 2001).

    Args:
        distances: (n, n) symmetric, finite, ≥ 0, n ≥ 1.
        most: clusters that the tree is cut into, at most.
    """
    from scipy.cluster.hierarchy import dendrogram as laid_out
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    n = len(distances)
    if n == 1:
        return Dendrogram(np.zeros(1, np.intp), np.zeros(1, np.intp), ())
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=n <= most)
    told = laid_out(tree, no_plot=True)
    order = np.asarray(told["leaves"], np.intp)
    numbers = fcluster(tree, most, "maxclust") if n > most else np.arange(1, n + 1)
    _, first = np.unique(numbers[order], return_index=True)
    renumbered = {int(numbers[order][i]): k for k, i in enumerate(sorted(first))}
    clusters = np.array([renumbered[int(number)] for number in numbers], np.intp)
    # scipy sets leaves at 5, 15, 25, …
    branches = tuple(
        ((np.asarray(x) - 5) / 10, np.asarray(y))
        for x, y in zip(told["icoord"], told["dcoord"], strict=True)
    )
    return Dendrogram(order, clusters, branches)
