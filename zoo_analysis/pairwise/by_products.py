"""One model with many others at once, by products of all their layers. No Ray."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.activations.pooling import Grid, common_grid, neuron_values
from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.by_activations import ModelActivations, ModelPair
from zoo_analysis.pairwise.calibrated_scores import CalibratedScores, row_order, sample_orders
from zoo_analysis.pairwise.prepared import PreparedCache
from zoo_analysis.pairwise.product_scores import ProductScores
from zoo_analysis.pairwise.scores import Scores
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.all_pairs.layer_products import layer_products
from zoo_analysis.similarity.all_pairs.stacked_layers import StackedLayers, beside, stack
from zoo_analysis.similarity.measure import Measure

#: Bytes of standardised activations on either side of a product.
BLOCK: Final = 2**28


@dataclass(frozen=True)
class _Stack:
    """Layers of one model and one grid: their numbers, side by side, and why some are left out."""

    numbers: list[int]
    layers: StackedLayers | None
    reasons: list[str]


def compare_at_once(
    pairs: Sequence[tuple[ModelActivations, ModelActivations]],
    measures: Sequence[Measure],
    settings: ComparisonSettings | None = None,
    *,
    device: str = "cpu",
    cache: PreparedCache | None = None,
    block: int = BLOCK,
    permutations: int = 0,
) -> list[dict[str, Scores]]:
    """Pairs of models, many layers at once, to the numbers that `compare_activations` has of each.

    The layers of a model are compared with those of many others in one product. What float32 does
    not do is computed pair by pair.

    Args:
        pairs: of models over one probe; those of a tile of all pairs share most work.
        measures: of `layer_products.AT_ONCE`.
        settings: the default ones where None.
        device: where the products are computed.
        cache: what was prepared before; of these pairs alone where None.
        block: bytes of standardised activations of either side of a product; models beside one
            another have no more together, and what a model has more of comes in several.
        permutations: see `compare_activations`.

    Returns:
        Scores of each pair by the measure's name.
    """
    how, kept = settings or ComparisonSettings(), cache or PreparedCache()
    tile = _Tile(measures, how, device, kept, block)
    found: dict[tuple[int, int], dict[str, Scores]] = {}
    numbered = {id(model): model for pair in pairs for model in pair}
    partners: dict[int, list[int]] = {}
    for a, b in pairs:
        partners.setdefault(id(a), []).append(id(b))
    columns = list(dict.fromkeys(id(b) for _, b in pairs))
    for blocked in _blocks(columns, lambda each: _nbytes(numbered[each]), block):
        others = _Block([numbered[each] for each in blocked], tile)
        for row, theirs in partners.items():
            places = [place for place, each in enumerate(blocked) if each in theirs]
            if places:
                scores = others.calibrated_with(numbered[row], places, permutations)
                found |= {(row, blocked[at]): each for at, each in zip(places, scores, strict=True)}
    return [found[id(a), id(b)] for a, b in pairs]


def _nbytes(model: ModelActivations) -> int:
    return sum(4 * layer.values.size for layer in model.captured.layers)


def _blocks(items: list[int], nbytes: Callable[[int], int], most: int) -> Iterator[list[int]]:
    """The items in turn, as many at a time as have at most so many bytes, or one."""
    blocked: list[int] = []
    for item in items:
        if blocked and sum(map(nbytes, [*blocked, item])) > most:
            yield blocked
            blocked = []
        blocked.append(item)
    yield blocked


@dataclass(frozen=True)
class _Tile:
    """The part of a comparison that all its pairs share."""

    measures: Sequence[Measure]
    settings: ComparisonSettings
    device: str
    cache: PreparedCache
    block: int

    @property
    def names(self) -> list[str]:
        """Of the measures."""
        return [measure.name for measure in self.measures]

    def pair(
        self,
        a: ModelActivations,
        b: ModelActivations,
        measure: Measure,
        order: NDArray[np.int64] | None,
    ) -> ModelPair:
        """Two of the models, as they are compared alone."""
        return ModelPair(a, b, measure, self.settings, self.device, self.cache, order)

    def by_grid(self, model: ModelActivations) -> dict[tuple[int, ...], list[int]]:
        """Numbers of a model's layers that are pooled alike, as many together as make a block."""
        found: dict[tuple[int, ...], list[int]] = {}
        filled: dict[tuple[int, ...], tuple[int, int]] = {}  # the last part of each grid
        for number, layer in enumerate(model.captured.layers):
            shape = layer.values.shape[2:] if self.settings.neurons == "channel" else ()
            own, size = (layer.values.ndim, *shape), 4 * layer.values.size
            part, nbytes = filled.get(own, (0, 0))
            if nbytes + size > self.block:
                part, nbytes = part + 1, 0
            filled[own] = part, nbytes + size
            found.setdefault((*own, part), []).append(number)
        return found

    def beside(
        self,
        models: Sequence[ModelActivations],
        stacks: Sequence[_Stack],
        own: Hashable,
        grid: Grid,
    ) -> StackedLayers | None:
        """The stacks of these models as one."""
        there = [each.layers for each in stacks if each.layers is not None]
        if len(there) < 2:
            return there[0] if there else None
        keys = tuple(model.key for model in models)
        key = ("beside", keys, self.settings.neurons, own, grid)
        return self.cache.get(key, lambda: beside(there))  # type: ignore[no-any-return]

    def stack(self, model: ModelActivations, numbers: list[int], grid: Grid) -> _Stack:
        """These layers, pooled to a grid, side by side."""
        neurons = self.settings.neurons

        def values(number: int) -> torch.Tensor:
            array = neuron_values(model.captured.layers[number], grid, neurons)
            return torch.as_tensor(array).to(self.device)

        def make() -> _Stack:
            arrays = {number: values(number) for number in numbers}
            try:
                return _Stack(numbers, stack(list(arrays.values())), [])
            except SimilarityError:
                return _without_the_dead(arrays)

        pooled = grid if neurons == "channel" else None
        return self.cache.get((model.key, "stack", neurons, tuple(numbers), pooled), make)  # type: ignore[no-any-return]


def _without_the_dead(arrays: Mapping[int, torch.Tensor]) -> _Stack:
    living, reasons = [], []
    for number, array in arrays.items():
        try:
            stack([array])
            living.append(number)
        except SimilarityError as error:
            reasons.append(str(error))
    return _Stack(living, stack([arrays[n] for n in living]) if living else None, reasons)


@dataclass(frozen=True)
class _Block:
    """Models whose layers lie side by side."""

    models: list[ModelActivations]
    tile: _Tile

    def calibrated_with(
        self, a: ModelActivations, places: list[int], permutations: int
    ) -> list[dict[str, Scores]]:
        """The scores of a model with those at some places of the block, calibrated if asked for."""
        found, tile = self.compared_with(a, places), self.tile
        if not permutations:
            return found
        nulls = [
            {each.name: CalibratedScores(scores[each.name], each) for each in tile.measures}
            for scores in found
        ]
        for order in sample_orders(a.captured, tile.settings, permutations):
            for null, permuted in zip(nulls, self.compared_with(a, places, order), strict=True):
                for name, scores in permuted.items():
                    null[name].add(scores)
        return [{name: each.scores() for name, each in null.items()} for null in nulls]

    def compared_with(
        self, a: ModelActivations, places: list[int], order: NDArray[np.int64] | None = None
    ) -> list[dict[str, Scores]]:
        """The scores of a model, its samples in an order, with those at some places."""
        first, last = places[0], places[-1] + 1
        tile, groups = self.tile, [self.tile.by_grid(b) for b in self.models]
        found = [
            ProductScores({each.name: tile.pair(a, b, each, order) for each in tile.measures})
            for b in self.models[first:last]
        ]
        for of_a in tile.by_grid(a).values():
            for own in dict.fromkeys(own for group in groups[first:last] for own in group):
                numbers = [group.get(own, []) for group in groups]
                example = next(
                    b.captured.layers[which[0]]
                    for b, which in zip(self.models, numbers, strict=True)
                    if which
                )
                grid = common_grid(a.captured.layers[of_a[0]], example)
                if grid is None:
                    continue
                theirs = [
                    tile.stack(b, which, grid) if which else _Stack([], None, [])
                    for b, which in zip(self.models, numbers, strict=True)
                ]
                joined = tile.beside(self.models, theirs, own, grid)
                mine = tile.stack(a, of_a, grid)
                for each, which, others in zip(
                    found, numbers[first:last], theirs[first:last], strict=True
                ):
                    each.expect(of_a, which, [*mine.reasons, *others.reasons])
                ends = np.cumsum([0, *(len(each.numbers) for each in theirs)]).tolist()
                if mine.layers is None or joined is None or ends[first] == ends[last]:
                    continue
                there, here = joined.among(ends[first], ends[last]), mine.layers
                if order is not None:
                    here = here.reordered(torch.from_numpy(row_order(order, len(here.neurons))))
                product = layer_products(here, there, tile.names)
                starts = np.cumsum([0, *there.sizes]).tolist()
                for place, each in enumerate(found, first):
                    begin, end = (ends[at] - ends[first] for at in (place, place + 1))
                    part = product.of(slice(begin, end), slice(starts[begin], starts[end]))
                    sizes = mine.layers.sizes, there.sizes[begin:end]
                    each.take(
                        part, (mine.numbers, theirs[place].numbers), sizes, len(there.neurons)
                    )
        return [found[place - first].scores() for place in places]
