"""Two models that saw one probe, under one measure: layer by layer and as wholes. No Ray."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.activations.layer_activations import Captured, LayerActivations
from zoo_analysis.activations.pooling import (
    PUBLISHED_IMAGES,
    Grid,
    common_grid,
    comparable,
    neuron_values,
)
from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.calibrated_scores import CalibratedScores, row_order, sample_orders
from zoo_analysis.pairwise.prepared import PreparedCache
from zoo_analysis.pairwise.scores import Score, Scores, layer_scores, nothing
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.measure import Measure

#: Decides the rows that stand for all where a measure takes no more.
_SEED = 0


@dataclass(frozen=True)
class ModelActivations:
    """A model's activations over a probe.

    Attributes:
        key: identity of these activations: the same key, the same arrays.
        captured: the activations.
    """

    key: Hashable
    captured: Captured


def compare_activations(
    a: ModelActivations,
    b: ModelActivations,
    measure: Measure,
    settings: ComparisonSettings | None = None,
    *,
    device: str = "cpu",
    cache: PreparedCache | None = None,
    permutations: int = 0,
) -> Scores:
    """Two models under a measure of activations or of outputs.

    Of activations there is a score for each two layers that can be compared, and one for the
    models, as the measure makes it of their layers (`Measure.whole`). Of outputs there is the one
    for the models. A measure that is not symmetric has the mean of its two directions as its value.
    Inputs, where the measure needs them, are those of `a` for both models: what two models make of
    one image by their own preprocessing may differ.

    What cannot be compared has no value, and a reason.

    Args:
        a: one model.
        b: the other, over the same probe.
        measure: of activations or outputs.
        settings: the default ones where None.
        device: where the products are computed.
        cache: what was prepared before; of this pair alone where None.
        permutations: of the samples of `a`, of which scores get p-values and calibrated values;
            images are permuted with all their positions, the inputs go along, the labels stay.

    Raises:
        SimilarityError: the models saw different probes.
    """
    if a.captured.probe != b.captured.probe:
        raise SimilarityError(
            f"one model saw {a.captured.probe}, the other {b.captured.probe}: show both the same"
        )
    pair = ModelPair(
        a, b, measure, settings or ComparisonSettings(), device, cache or PreparedCache()
    )
    found = pair.scores()
    if not permutations:
        return found
    null = CalibratedScores(found, measure)
    for order in sample_orders(a.captured, pair.settings, permutations):
        null.add(replace(pair, order=order).scores())
    return null.scores()


@dataclass(frozen=True)
class ModelPair:
    """Two models over one probe, to be compared under one measure: see `compare_activations`.

    Attributes:
        order: permutation of the samples of `a`; None where they stay.
    """

    a: ModelActivations
    b: ModelActivations
    measure: Measure
    settings: ComparisonSettings
    device: str
    cache: PreparedCache
    order: NDArray[np.int64] | None = None
    _moved: dict[Hashable, Any] = field(default_factory=dict, init=False)

    def scores(self) -> Scores:
        """Their scores: of outputs, or of layers and the models."""
        return self._outputs() if self.measure.of == "outputs" else self._layers()

    def _outputs(self) -> Scores:
        try:
            first = self._prepared_outputs(self.a, self.order)
            value, ab, ba = self.measure.both_ways(first, self._prepared_outputs(self.b))
        except SimilarityError as error:
            return nothing(str(error))
        return Scores((Score(None, None, value, self.a.captured.n, ab, ba),))

    def _layers(self) -> Scores:
        layers_a, layers_b = self.a.captured.layers, self.b.captured.layers
        return layer_scores(
            self.measure,
            [layer.name for layer in layers_a],
            [layer.name for layer in layers_b],
            self.prepared,
            self.rows,
            self.a.captured.n,
            distance=self.settings.mode != "partial",
        )

    def prepared(self, i: int, j: int) -> tuple[Any, Any] | None:
        """A layer of a and one of b, ready to be compared; None where they are not compared.

        Raises:
            SimilarityError: one that cannot be prepared.
        """
        first, second = self.a.captured.layers[i], self.b.captured.layers[j]
        grid = common_grid(first, second)
        if grid is None or (self.settings.mode == "partial" and not comparable(first, second)):
            return None
        make = self._prepared_layer if self.order is None else self._permuted_layer
        return make(self.a, first, grid), self._prepared_layer(self.b, second, grid)

    def rows(self, i: int, j: int) -> int:
        """Rows that are compared of a layer of a and one of b."""
        first, second = self.a.captured.layers[i], self.b.captured.layers[j]
        n, grid, neurons = len(first.values), common_grid(first, second), self.settings.neurons
        if first.values.ndim == 4 and neurons == "channel" and grid is not None:
            n *= grid[0] * grid[1]
        if neurons == "published":
            n = min(n, PUBLISHED_IMAGES)
        return min(n, self.measure.max_samples or n)

    def _prepared_outputs(
        self, model: ModelActivations, order: NDArray[np.int64] | None = None
    ) -> Any:
        outputs = model.captured.outputs
        if outputs is None:
            raise SimilarityError("a model without classes has no outputs to compare")
        samples = np.arange(len(outputs))
        which = samples if order is None else order
        return self._prepared(model, outputs[which], which, samples)

    def _prepared_layer(self, model: ModelActivations, layer: LayerActivations, grid: Grid) -> Any:
        """A layer, ready to be compared with one that both can be pooled to this grid."""
        neurons, measure = self.settings.neurons, self.measure

        def make() -> Any:
            values, samples = self._values(layer, grid)
            chosen = _chosen(len(values), measure.max_samples)
            return self._prepared(model, values[chosen], samples[chosen], samples[chosen])

        pooled = self._pooled(layer, grid)
        whose = self.a.key if "inputs" in measure.needs else None  # inputs are those of `a`
        return self.cache.get((model.key, layer.name, measure.name, neurons, pooled, whose), make)

    def _permuted_layer(self, model: ModelActivations, layer: LayerActivations, grid: Grid) -> Any:
        """The same with its samples in another order, from what is prepared where that is all."""
        key = layer.name, self._pooled(layer, grid)
        if key not in self._moved:
            values, samples = self._values(layer, grid)
            assert self.order is not None
            order = row_order(self.order, len(values))
            chosen, measure = _chosen(len(values), self.measure.max_samples), self.measure
            whole = isinstance(chosen, slice) and "labels" not in measure.needs
            if whole and measure.reordered is not None:
                prepared = self._prepared_layer(model, layer, grid)
                self._moved[key] = measure.reordered(prepared, torch.from_numpy(order))
            else:
                which = order[chosen]
                self._moved[key] = self._prepared(
                    model, values[which], samples[which], samples[chosen]
                )
        return self._moved[key]

    def _pooled(self, layer: LayerActivations, grid: Grid) -> tuple[int, ...] | None:
        if self.settings.neurons != "channel":
            return None
        return tuple(map(min, layer.values.shape[2:], grid))

    def _values(
        self, layer: LayerActivations, grid: Grid
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """A layer's rows, and the sample that each is of."""
        values = neuron_values(layer, grid, self.settings.neurons)
        positions = max(1, len(values) // len(layer.values))  # of one image
        return values, np.arange(len(values)) // positions

    def _prepared(
        self,
        model: ModelActivations,
        values: NDArray[Any],
        samples: NDArray[np.int64],
        labelled: NDArray[np.int64],
    ) -> Any:
        """An array, prepared with what the measure needs of the sample that each row is of.

        Args:
            model: that it is of.
            values: the array.
            samples: whose inputs its rows come from.
            labelled: whose labels its rows are to have.
        """
        needs, labels = self.measure.needs, model.captured.labels
        inputs = self.a.captured.inputs[samples] if "inputs" in needs else None
        return self.measure.prepared(
            self._on_device(values),
            inputs=None if inputs is None else self._on_device(inputs),
            labels=labels[labelled] if "labels" in needs and labels is not None else None,
        )

    def _on_device(self, values: NDArray[Any]) -> torch.Tensor:
        return torch.as_tensor(values).to(self.device)


def _chosen(n: int, limit: int | None) -> NDArray[np.int64] | slice:
    """Rows that stand for all n: the same ones, in order, for every layer of n rows."""
    if limit is None or n <= limit:
        return slice(None)
    return np.sort(np.random.default_rng(_SEED).choice(n, limit, replace=False))
