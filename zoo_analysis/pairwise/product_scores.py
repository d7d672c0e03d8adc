"""The scores of two models from products of their layers."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.activations.pooling import comparable
from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.by_activations import ModelPair
from zoo_analysis.pairwise.scores import Score, Scores, nothing
from zoo_analysis.similarity.all_pairs.layer_products import LayerProducts
from zoo_analysis.similarity.neurons.neuron_maxima import Maxima
from zoo_analysis.similarity.neurons.neuronal_comparison import comparison
from zoo_analysis.similarity.whole import NOTHING_IN_COMMON, Similarity, best_match

Numbers = tuple[Sequence[int], Sequence[int]]


class ProductScores:
    """Numbers of two models, part by part as products give them.

    Args:
        pairs: the two models under each measure that is asked for, by its name.
    """

    def __init__(self, pairs: Mapping[str, ModelPair]) -> None:
        self._pairs, self._any = pairs, next(iter(pairs.values()))
        layers = self._any.a.captured.layers, self._any.b.captured.layers
        self._names = [np.array([layer.name for layer in each], object) for each in layers]
        self._expected = np.zeros(tuple(map(len, layers)), dtype=bool)
        self._partial = self._any.settings.mode == "partial"
        if self._partial:
            first, second = layers
            self._allowed = np.array([[comparable(x, y) for y in second] for x in first])
        self._reasons: list[str] = []
        self._parts: list[tuple[LayerProducts, Numbers]] = []
        self._rows = np.zeros(self._expected.shape, dtype=int)
        self._sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def expect(self, a: Sequence[int], b: Sequence[int], reasons: Iterable[str]) -> None:
        """Layers that can be compared, by their numbers, and why some of them cannot after all."""
        self._expected[_at(a, b)] = True
        self._reasons += reasons

    def take(
        self,
        part: LayerProducts,
        numbers: Numbers,
        sizes: tuple[Sequence[int], Sequence[int]],
        n: int,
    ) -> None:
        """The products of some layers, by their numbers; their neurons, and their samples."""
        self._parts.append((part, numbers))
        self._rows[_at(*numbers)] = n
        for known, which, of in zip(self._sizes, numbers, sizes, strict=True):
            known.update(zip(which, of, strict=True))

    def scores(self) -> dict[str, Scores]:
        """The scores under each measure."""
        return {
            name: self._neuronal(pair) if name == "neuronal" else self._kernels(name, pair)
            for name, pair in self._pairs.items()
        }

    def _neuronal(self, pair: ModelPair) -> Scores:
        sizes = [
            [known.get(number, 0) for number in range(layers)]
            for known, layers in zip(self._sizes, self._expected.shape, strict=True)
        ]
        ends = [np.cumsum([0, *each]) for each in sizes]
        of_a, of_b = (
            np.full((others, sum(own)), np.nan)
            for others, own in zip(self._expected.shape[::-1], sizes, strict=True)
        )
        for part, (numbers_a, numbers_b) in self._parts:
            assert part.maxima is not None
            for into, maxima, own, others, end in (
                (of_a, part.maxima[0], numbers_a, numbers_b, ends[0]),
                (of_b, part.maxima[1], numbers_b, numbers_a, ends[1]),
            ):
                if own and others:
                    columns = np.concatenate([np.arange(end[i], end[i + 1]) for i in own])
                    into[_at(others, columns.tolist())] = maxima.value.cpu().numpy()
        if self._partial:
            for i, j in np.argwhere(~self._allowed):
                of_a[j, ends[0][i] : ends[0][i + 1]] = np.nan
                of_b[i, ends[1][j] : ends[1][j + 1]] = np.nan
        if np.isnan(of_a).all():
            return self._nothing()
        first, second = (Maxima(torch.from_numpy(each), None) for each in (of_a, of_b))
        found = comparison(first, second, sizes[0], sizes[1], distance=not self._partial)
        whole = Similarity(found.value, found.value_ab, found.value_ba)
        return self._told(pair, whole, found.layer_values, found.layer_ab, found.layer_ba)

    def _kernels(self, name: str, pair: ModelPair) -> Scores:
        values = np.full(self._expected.shape, np.nan)
        for part, numbers in self._parts:
            values[_at(*numbers)] = part.kernels[name].numpy()
        wanted = self._expected & self._allowed if self._partial else self._expected
        values[~wanted] = np.nan
        for i, j in np.argwhere(wanted & np.isnan(values)).tolist():
            try:
                arrays = pair.prepared(i, j)
                if arrays is not None:
                    values[i, j] = pair.measure.compare(*arrays)
            except SimilarityError as error:
                self._reasons.append(str(error))
        if np.isnan(values).all():
            return self._nothing()
        whole = Similarity(*best_match(values, pair.measure.higher))
        return self._told(pair, whole, values)

    def _told(self, pair: ModelPair, whole: Similarity, *layers: NDArray[np.float64]) -> Scores:
        """The scores from the layers' values (A's layers × B's), and from either side's."""
        i, j = np.nonzero(~np.isnan(layers[0]))
        n = self._rows[i, j]
        for at in np.flatnonzero(n == 0):  # compared alone
            n[at] = pair.rows(int(i[at]), int(j[at]))
        names = (of[at].tolist() for of, at in zip(self._names, (i, j), strict=True))
        values, *sides = (each[i, j].tolist() for each in layers)
        scores = tuple(map(Score, *names, values, n.tolist(), *sides))
        last = Score(None, None, whole.value, pair.a.captured.n, *whole[1:])
        return Scores((*scores, last), (self._reasons or [""])[-1])

    def _nothing(self) -> Scores:
        return nothing((self._reasons or [NOTHING_IN_COMMON.format(*self._expected.shape)])[-1])


def _at(rows: Sequence[int], columns: Sequence[int]) -> tuple[NDArray[np.int64], ...]:
    """What picks the cells of some rows and columns."""
    return np.ix_(np.asarray(rows, np.int64), np.asarray(columns, np.int64))
