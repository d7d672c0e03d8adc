"""A model's weights in brief: all that kinship is told by, read once from a checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.lineage.own_units import unit_layers, unit_rows
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra.entry_statistics import entry_statistics
from zoo_analysis.weights import (
    Checkpoint,
    LayerSpec,
    kernel_dims,
    list_layers,
    load_kernel,
    open_checkpoint,
)

#: Units of a layer that are matched, the first, and the first of their inputs.
_UNITS, _UNIT_INPUTS = 256, 1024
#: Layers with units of their own, and layers that read the stream; of more, some evenly spaced.
_UNIT_LAYERS, _READERS = 8, 6
#: Rank to which what reads the stream is kept.
_RANK: Final = 256
#: Words or inputs by which the stream's dimensions are told, the first.
_INPUTS: Final = 2048
#: Rows and columns of the part of each layer that distances are measured on, the first.
_SAMPLED: Final = (16, 512)

#: Roles of layers that take a residual stream as their input.
_READING: Final = {"q", "k", "v", "qkv", "mlp", "expert", "conv", "head", "other"}

Name = tuple[str, tuple[int, ...]]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Fingerprint:
    """A model's weights in brief; layers are called by name and shape.

    Attributes:
        units: of layers with hidden units of their own, the first units' rows (≤ 256 × ≤ 1024).
        basis: (inputs × stream) what each word, or each input of the first layer, adds to the
            residual stream, or to the first hidden layer; None where there is none.
        words: whether the basis is of words, an embedding.
        readers: of layers that take the stream as input, X (stream × r) with XXᵀ ≈ WᵀW.
        samples: the first rows and columns of each layer (≤ 16 × ≤ 512), float32.
        kurtosis: excess kurtosis of each layer's entries.
        layers: matrices that the model has.
    """

    units: Mapping[Name, torch.Tensor]
    basis: torch.Tensor | None
    words: bool
    readers: Mapping[Name, torch.Tensor]
    samples: Mapping[Name, NDArray[np.float32]]
    kurtosis: Mapping[Name, float]
    layers: int


def fingerprint(ref: ModelRef, access: HubAccess | None = None) -> Fingerprint:
    """The fingerprint of a model, of which one matrix at a time is in memory.

    Args:
        ref: the model.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        CheckpointError: weights that cannot be read.
    """
    with open_checkpoint(ref.path, access) as checkpoint:
        return fingerprint_of(checkpoint, list_layers(checkpoint, None, ref.architecture))


def fingerprint_of(checkpoint: Checkpoint, specs: Sequence[LayerSpec]) -> Fingerprint:
    """The fingerprint of an open checkpoint.

    Args:
        checkpoint: that holds the layers.
        specs: of all its matrices, in the order of depth.

    Raises:
        CheckpointError: a tensor cannot be read as the header describes it.
    """
    specs = [s for s in specs if s.status is None and s.rank is None and s.part_of is None]
    own = {each.spec.layer: each for each in _evenly(unit_layers(specs), _UNIT_LAYERS)}
    first = next((s for s in specs if s.kind == "embedding"), specs[0] if specs else None)
    width = 0 if first is None else _stream(first)
    reading = {s.layer for s in _evenly(_readers(specs, first, width), _READERS)}
    units: dict[Name, torch.Tensor] = {}
    readers: dict[Name, torch.Tensor] = {}
    samples: dict[Name, NDArray[np.float32]] = {}
    kurtosis: dict[Name, float] = {}
    basis = None
    checkpoint.expect(specs)
    for spec in specs:
        name, kernel = (spec.layer, spec.shape), load_kernel(checkpoint, spec)
        if (entries := entry_statistics(kernel)) is None:  # not finite
            continue
        rows, columns = _SAMPLED
        samples[name] = kernel.flatten(0, 1).flatten(1)[:rows, :columns].float().numpy().copy()
        kurtosis[name] = 0.0 if entries.kurtosis is None else entries.kurtosis - 3
        if spec is first:
            basis = _basis(spec, kernel)
        if spec.layer in own:
            units[name] = unit_rows(kernel, own[spec.layer], _UNITS)[:, :_UNIT_INPUTS].clone()
        if spec.layer in reading:
            readers[name] = _compressed(kernel[0].movedim(1, 0).flatten(1))
    words = first is not None and first.kind == "embedding"
    return Fingerprint(units, basis, words, readers, samples, kurtosis, len(specs))


def _stream(first: LayerSpec) -> int:
    groups, out, into, _ = kernel_dims(first)
    return into if first.kind == "embedding" else groups * out


def _readers(specs: Sequence[LayerSpec], first: LayerSpec | None, width: int) -> list[LayerSpec]:
    """Layers that take the stream as their input; heads only for want of others."""
    found = [
        spec
        for spec in specs
        if spec is not first
        and spec.role in _READING
        and kernel_dims(spec)[0] == 1
        and kernel_dims(spec)[2] == width
    ]
    return [spec for spec in found if spec.role != "head"] or found


def _basis(spec: LayerSpec, kernel: torch.Tensor) -> torch.Tensor:
    if spec.kind == "embedding":
        return kernel[0][:_INPUTS].float().clone()
    return kernel.flatten(0, 1).flatten(1).T[:_INPUTS].float().clone()


def _compressed(x: torch.Tensor) -> torch.Tensor:
    """Columns, no more than `_RANK`, that make the same products of rows as nearly as can be."""
    if x.shape[1] <= _RANK:
        return x.float().clone()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same matrix has the same rank-r part
        u, s, _ = torch.svd_lowrank(x.float(), q=min(_RANK, *x.shape), niter=4)
    return u * s


def _evenly(things: Sequence[_T], most: int) -> list[_T]:
    if len(things) <= most:
        return list(things)
    return [things[i] for i in np.linspace(0, len(things) - 1, most).round().astype(int)]
