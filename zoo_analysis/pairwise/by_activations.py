"""Two models that saw one probe, under one measure: layer by layer and as wholes. No Ray."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.activations.captured import Captured, LayerActivations
from zoo_analysis.activations.pooling import Grid, common_grid, comparable, neuron_values
from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.prepared import PreparedCache
from zoo_analysis.pairwise.scores import Score, Scores, directed, nothing
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.network import best_match, between

#: Of the rows that stand for all where a measure takes no more.
_SEED = 0


@dataclass(frozen=True)
class Shown:
    """A model that saw a probe.

    Attributes:
        name: says which activations these are: the same name, the same arrays.
        seen: the activations.
    """

    name: Hashable
    seen: Captured


@dataclass(frozen=True)
class Bench:
    """Where two models are compared under one measure.

    Attributes:
        a: one model.
        b: the other, over the same probe.
        measure: of activations or outputs.
        how: see `ComparisonSettings`.
        device: where the products are computed.
        kept: what was prepared before.
    """

    a: Shown
    b: Shown
    measure: Measure
    how: ComparisonSettings
    device: str = "cpu"
    kept: PreparedCache = field(default_factory=PreparedCache)


def compare(bench: Bench) -> Scores:
    """Two models under a measure of activations or of outputs.

    Of activations there is a score for each two layers that can be compared, and one for the
    models: the neuronal correlation by its own definition, any other measure as the mean over
    layers of the best match, in both directions. Of outputs there is the one for the models. A
    measure that is not symmetric has the mean of its two directions as its value.

    What cannot be compared has no value, and a reason.

    Raises:
        SimilarityError: the models saw different probes.
    """
    a, b = bench.a.seen, bench.b.seen
    if a.probe != b.probe:
        raise SimilarityError(f"one model saw {a.probe}, the other {b.probe}: show both the same")
    if bench.measure.of == "outputs":
        return _outputs(bench)
    return _activations(bench)


def _outputs(bench: Bench) -> Scores:
    def ready(model: Shown) -> Any:
        outputs = model.seen.outputs
        if outputs is None:
            raise SimilarityError("a model without classes has no outputs to compare")
        return bench.measure.prepare(
            (_on(outputs, bench), model.seen.labels)
            if bench.measure.name == "accuracy_gap"
            else _on(outputs, bench)
        )

    try:
        value, ab, ba = directed(bench.measure, ready(bench.a), ready(bench.b))
    except SimilarityError as error:
        return nothing(str(error))
    return Scores((Score(None, None, value, bench.a.seen.n, ab, ba),))


def _activations(bench: Bench) -> Scores:
    layers_a, layers_b = bench.a.seen.layers, bench.b.seen.layers
    shape = len(layers_a), len(layers_b)
    values, ab, ba = np.full((3, *shape), np.nan)
    rows = np.zeros(shape, dtype=int)
    reasons = []

    def pair(i: int, j: int) -> tuple[Any, Any] | None:
        grid = common_grid(layers_a[i], layers_b[j])
        apart = bench.how.mode == "partial" and not comparable(layers_a[i], layers_b[j])
        if grid is None or apart:
            return None
        rows[i, j] = _rows(bench, layers_a[i], grid)
        try:
            return (
                _prepared(bench, bench.a, layers_a[i], grid),
                _prepared(bench, bench.b, layers_b[j], grid),
            )
        except SimilarityError as error:
            reasons.append(str(error))
            return None

    try:
        if bench.measure.name == "neuronal":
            found = between(*shape, pair, distance=bench.how.mode == "full")
            whole = found.value, found.value_ab, found.value_ba
            values, ab, ba = found.layer_values, found.layer_ab, found.layer_ba
        else:
            for i, j in product(*map(range, shape)):
                if (arrays := pair(i, j)) is not None:
                    try:
                        values[i, j], ab[i, j], ba[i, j] = directed(bench.measure, *arrays)
                    except SimilarityError as error:
                        reasons.append(str(error))
            whole = best_match(values, bench.measure.higher)
    except SimilarityError as error:
        return nothing((reasons or [str(error)])[-1])
    scores = [
        Score(layers_a[i].name, layers_b[j].name, float(values[i, j]), int(rows[i, j]), *sides)
        for i, j, *sides in _told(values, ab, ba)
    ]
    total = Score(None, None, whole[0], bench.a.seen.n, *whole[1:])
    return Scores((*scores, total), (reasons or [""])[-1])


def _told(*arrays: NDArray[np.float64]) -> Iterator[tuple[int, int, float | None, float | None]]:
    values, ab, ba = arrays
    for i, j in np.argwhere(~np.isnan(values)):
        yield i, j, *(None if np.isnan(x[i, j]) else float(x[i, j]) for x in (ab, ba))


def _prepared(bench: Bench, model: Shown, layer: LayerActivations, grid: Grid) -> Any:
    """A layer, ready to be compared with one that both can be pooled to this grid."""
    neurons, measure = bench.how.neurons, bench.measure
    pooled = tuple(map(min, layer.values.shape[2:], grid)) if neurons == "channel" else None

    def make() -> Any:
        values = neuron_values(layer, grid, neurons)
        inputs = bench.a.seen.inputs
        chosen = _chosen(len(values), measure.max_samples)
        of_sample = np.arange(len(values)) * len(inputs) // len(values)  # positions of one image
        if chosen is not None:
            values, of_sample = values[chosen], of_sample[chosen]
        if measure.name == "dcka":
            return measure.prepare((_on(values, bench), _on(inputs[of_sample], bench)))
        return measure.prepare(_on(values, bench))

    key: tuple[Hashable, ...] = (model.name, layer.name, measure.name, neurons, pooled)
    if measure.name == "dcka":  # one input for both, for what two models make of it may differ
        key = (*key, bench.a.name)
    return bench.kept.get(key, make)


def _rows(bench: Bench, layer: LayerActivations, grid: Grid) -> int:
    """How many rows of a layer are compared."""
    n = len(layer.values)
    if layer.values.ndim == 4 and bench.how.neurons == "channel":
        n *= grid[0] * grid[1]
    if bench.how.neurons == "published":
        n = min(n, 10)
    return min(n, bench.measure.max_samples or n)


def _chosen(n: int, limit: int | None) -> NDArray[np.int64] | None:
    """Which rows stand for all of n: the same ones, in order, for every layer of n rows."""
    if limit is None or n <= limit:
        return None
    return np.sort(np.random.default_rng(_SEED).choice(n, limit, replace=False))


def _on(values: NDArray[Any], bench: Bench) -> torch.Tensor:
    return torch.as_tensor(values).to(bench.device)
