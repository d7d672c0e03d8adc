"""A checkpoint's layers measured, as rows of the tables. No Ray, no store."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, product
from typing import Any

import pyarrow as pa
import torch

from zoo_analysis.errors import ZooError
from zoo_analysis.measure.blocks.block_results import block_results
from zoo_analysis.spectra import LayerMetrics, LayerResult, Method, analyze_kernel, matrix_shape
from zoo_analysis.spectra.methods import SLICE
from zoo_analysis.store.schemas import ESD_ROWS, LAYER_ROWS
from zoo_analysis.weights import Checkpoint, LayerSpec, kernel_dims, load_kernel
from zoo_analysis.weights.biases import bias_comes_first, load_bias
from zoo_analysis.weights.layers.blocks.block_listing import BlockSpec
from zoo_analysis.weights.scratch import release_scratch

#: Bytes of a kernel whose mapped pages are let go while it is being worked on.
_LARGE = 64 << 20


@dataclass(frozen=True)
class Measured:
    """Rows of some layers of one model.

    Attributes:
        layers: `LAYER_ROWS`, in the order of depth.
        esds: `ESD_ROWS`, for the layers that have a spectrum.
    """

    layers: pa.Table
    esds: pa.Table


@dataclass(frozen=True)
class RowsOfLayers:
    """The same rows before they are tables.

    Attributes:
        layers: in the order of depth.
        esds: of the layers that have a spectrum.
    """

    layers: list[dict[str, Any]]
    esds: list[dict[str, Any]]


def measure(
    checkpoint: Checkpoint,
    specs: Iterable[LayerSpec],
    how: Method,
    device: str = "cpu",
    on_layer: Callable[[str], None] = lambda layer: None,
) -> Measured:
    """Read, decompose and fit each layer in turn; no more than one is in memory at a time.

    Args:
        checkpoint: open, holding the specs' tensors.
        specs: the layers to measure, or blocks of them.
        how: the method.
        device: where to compute.
        on_layer: told the name of each layer before it is read.

    Raises:
        CheckpointError: a tensor cannot be read as the header describes it.
        ZooError: a method of differences, which takes a base.
    """
    return as_tables([measured_rows(checkpoint, specs, how, device, on_layer)])[0]


def measured_rows(
    checkpoint: Checkpoint,
    specs: Iterable[LayerSpec],
    how: Method,
    device: str = "cpu",
    on_layer: Callable[[str], None] = lambda layer: None,
) -> RowsOfLayers:
    """The rows that `measure` makes tables of; arguments and errors are those of `measure`."""
    if how.base is not None:
        raise ZooError(f"{how.id} measures differences: use zoo delta, or zoo_analysis.delta")
    specs = list(specs)
    checkpoint.expect(specs)

    def measured(spec: LayerSpec) -> Iterable[tuple[LayerSpec, LayerResult]]:
        if isinstance(spec, BlockSpec):
            return block_results(checkpoint, spec, how, device)
        return [(spec, measure_layer(checkpoint, spec, how, device))]

    return rows_of(specs, measured, on_layer)


def rows_of(
    specs: Iterable[LayerSpec],
    measured: Callable[[LayerSpec], Iterable[tuple[LayerSpec, LayerResult]]],
    on_layer: Callable[[str], None] = lambda layer: None,
) -> RowsOfLayers:
    """Rows of layers that are measured one after the other.

    Args:
        specs: the layers.
        measured: measures one; what it comes to is one row or several, by the layer that each is.
        on_layer: told the name of each before.
    """
    layers: list[dict[str, Any]] = []
    esds: list[dict[str, Any]] = []
    for spec in specs:
        on_layer(spec.layer)
        start = time.perf_counter()
        for of, result in measured(spec):
            layers.append(_row(of, result, time.perf_counter() - start))
            slices = _slices(of, result)
            layers += slices
            names = (of.layer, *(row["layer"] for row in slices))
            for name, each in zip(names, (result, *result.slices), strict=True):
                if each.evals is not None:
                    esds.append({"layer": name, "eigenvalues": each.evals})
            start = time.perf_counter()
    layers.sort(key=lambda row: int(row["depth"]))
    return RowsOfLayers(layers, esds)


def as_tables(models: Sequence[RowsOfLayers]) -> list[Measured]:
    """The rows of each of several models, as parts of one table of all.

    A table takes as long as its columns are many: half a millisecond for a small model of its own.

    Args:
        models: rows of each.
    """
    layers = _parts([model.layers for model in models], LAYER_ROWS)
    esds = _parts([model.esds for model in models], ESD_ROWS)
    return [Measured(*both) for both in zip(layers, esds, strict=True)]


def _parts(models: Sequence[list[dict[str, Any]]], schema: pa.Schema) -> list[pa.Table]:
    rows = pa.Table.from_pylist([row for model in models for row in model], schema=schema)
    counts = [len(model) for model in models]
    starts = accumulate(counts, initial=0)
    return [rows.slice(start, count) for start, count in zip(starts, counts, strict=False)]


def measure_layer(
    checkpoint: Checkpoint, spec: LayerSpec, how: Method, device: str = "cpu"
) -> LayerResult:
    """One layer's spectrum and metrics."""
    groups, rows, cols, _ = kernel_dims(spec)
    if spec.status is not None:
        shape = matrix_shape(groups, rows, cols, (), how)
        return LayerResult(shape, None, LayerMetrics(), spec.status)
    # In the order of the file: a window of a stream that was left is fetched again.
    before = bias_comes_first(checkpoint, spec)
    bias = load_bias(checkpoint, spec) if before else None
    kernel = load_kernel(checkpoint, spec)
    bias = bias if before else load_bias(checkpoint, spec)
    release = partial(_release, checkpoint) if kernel.nbytes > _LARGE else None
    sides = (spec.shape[0], spec.shape[1]) if spec.rank is not None else None
    # The core of an update is a product of stored factors, rounded nowhere itself.
    stored = kernel.dtype if spec.rank is not None else getattr(torch, spec.dtype)
    return analyze_kernel(kernel, how, device, sides, release, stored, bias)


def _release(checkpoint: Checkpoint) -> None:
    checkpoint.release()
    release_scratch()


def concatenated(parts: Iterable[Measured]) -> Measured:
    """Rows of several measured sets of layers, in the order of depth."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    layers = pa.concat_tables([part.layers for part in parts])
    return Measured(
        layers.sort_by([("depth", "ascending"), ("layer", "ascending")]),
        pa.concat_tables([part.esds for part in parts]),
    )


def _slices(spec: LayerSpec, result: LayerResult) -> list[dict[str, Any]]:
    """A row a slice, called after its layer and its place: its group, where there are more, its
    row, its column.
    """
    if not result.slices:
        return []
    groups, out, into, positions = kernel_dims(spec)
    if len(result.slices) == positions and groups > 1:  # the method takes groups as stored
        groups, out = 1, groups * out
    spatial = spec.shape[2 if spec.index is None else 3 :]
    places = product(*map(range, (groups, *spatial)))
    own = {"role": SLICE, "part_of": spec.layer, "shape": [out, into]}
    return [
        _row(spec, each, None)
        | own
        | {"layer": f"{spec.layer}[{','.join(map(str, place[groups == 1 :]))}]"}
        for place, each in zip(places, result.slices, strict=True)
    ]


def _row(spec: LayerSpec, result: LayerResult, seconds: float | None) -> dict[str, Any]:
    shape = result.shape
    return {
        "layer": spec.layer,
        "depth": spec.depth,
        "kind": spec.kind,
        "role": spec.role,
        "part_of": spec.part_of,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "precision": spec.precision,
        "N": shape.n,
        "M": shape.m,
        "Q": shape.n / shape.m if shape.m else None,
        "rf": shape.rf,
        "num_evals": shape.num_evals,
        **vars(result.metrics),
        "status": result.status,
        "warning": result.warning or None,
        "note": result.note or None,
        "seconds": seconds,
    }
