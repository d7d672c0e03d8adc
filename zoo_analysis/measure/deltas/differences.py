"""The difference of a model and its base, layer by layer: as many matrices of weights as two."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch

from zoo_analysis.measure.deltas.intruder_dimensions import intruder_dimensions
from zoo_analysis.measure.deltas.partners import Partners
from zoo_analysis.measure.rows import Measured, as_tables, measure_layer, rows_of
from zoo_analysis.spectra import LayerResult, Method, analyze_kernel
from zoo_analysis.weights import Checkpoint, LayerSpec, load_kernel
from zoo_analysis.weights.layers.adapters.merging import magnitudes, merged
from zoo_analysis.weights.layers.adapters.strengths import changed_base
from zoo_analysis.weights.layers.listing import read_adapter_config


@dataclass(frozen=True)
class ModelDifference:
    """A model and its base, opened.

    Attributes:
        tuned: the model.
        base: its base.
        layers: of both.
    """

    tuned: Checkpoint
    base: Checkpoint
    layers: Partners

    def measure(
        self, how: Method, device: str = "cpu", on_layer: Callable[[str], None] = lambda layer: None
    ) -> Measured:
        """Rows of ΔW = W_tuned − W_base for each layer that both have, as a scan has them of W.

        One matrix of each model is in memory at a time, and their difference. An adapter's updates
        are ΔW already, but for DoRA's, which is taken as it is merged. What rounding the stored
        types could make of zero is zero.

        Args:
            how: the method, with its base.
            device: where to compute.
            on_layer: told the name of each layer before it is read.

        Raises:
            CheckpointError: a tensor cannot be read as the header describes it.
        """
        begun = changed_base(read_adapter_config(self.tuned))
        others = {spec.layer: other for spec, other in self.layers.pairs}
        specs = self.tuned.in_file_order([spec for spec, _ in self.layers.pairs])
        self.tuned.expect(specs)
        self.base.expect(others.values())

        def measured(spec: LayerSpec) -> Iterable[tuple[LayerSpec, LayerResult]]:
            other = others[spec.layer]
            if spec.rank is not None:
                yield spec, self._update(spec, other, how, device, begun)
            elif spec.status is not None or other.status is not None:
                status = spec.status or other.status
                yield spec, measure_layer(self.tuned, replace(spec, status=status), how)
            else:
                yield spec, self._full(spec, other, how, device)

        return as_tables([rows_of(specs, measured, on_layer)])[0]

    def _full(self, spec: LayerSpec, other: LayerSpec, how: Method, device: str) -> LayerResult:
        tuned, base = load_kernel(self.tuned, spec), load_kernel(self.base, other)
        kind = torch.promote_types(tuned.dtype, base.dtype)
        delta = tuned.to(kind) - base.to(kind)
        changed = delta != 0  # what is equal was rounded alike
        rounded = [
            (torch.where(changed, kernel, 0), getattr(torch, each.dtype))
            for kernel, each in ((tuned, spec), (base, other))
        ]
        result = analyze_kernel(delta, how, device, rounded=rounded)
        return _compared(result, delta, base, tuned)

    def _update(
        self, spec: LayerSpec, other: LayerSpec, how: Method, device: str, begun: str | None
    ) -> LayerResult:
        result = measure_layer(self.tuned, spec, how, device)
        if spec.status is not None:
            return result
        if other.status is not None:
            return replace(result, note=f"not compared with the base, which is {other.status} here")
        if begun is not None:
            note = f"of a base that {begun} changed: no relative change, no intruders"
            return replace(result, note=note)
        base = load_kernel(self.base, other).double()
        tuned = merged(self.tuned, spec, base)
        update = tuned - base
        if magnitudes(self.tuned, spec) is not None:
            result = analyze_kernel(update, how, device)
        return _compared(result, update, base, tuned)


def _compared(
    result: LayerResult, delta: torch.Tensor, base: torch.Tensor, tuned: torch.Tensor
) -> LayerResult:
    """A layer's result with what compares it with the base, and a note on what cannot be had.

    Args:
        result: of the difference.
        delta: the difference.
        base: kernel of the base.
        tuned: that of the model.
    """
    size = float(torch.linalg.vector_norm(base.double()))
    change = float(torch.linalg.vector_norm(delta.double()))
    relative, intruders, notes = None, None, []
    if not (size < float("inf") and change < float("inf")):
        notes.append("not finite: no relative change, no intruders")
    else:
        if size > 0:
            relative = change / size
        else:
            notes.append("the base's matrix is zero: no relative change")
        intruders = intruder_dimensions(tuned.flatten(2), base.flatten(2))
        if intruders is None:
            notes.append("intruders cannot be told: Krylov spaces of so large a matrix do not")
    metrics = replace(
        result.metrics,
        relative_change=relative,
        num_intruders=None if intruders is None else float(intruders),
    )
    return replace(result, metrics=metrics, note="; ".join(notes))
