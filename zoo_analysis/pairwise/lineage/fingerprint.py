"""A model's weights in brief: all that kinship is told by, read once from a checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.lineage.outline import Name, Outline, outline_of
from zoo_analysis.pairwise.lineage.own_units import unit_rows
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra.entry_statistics import EntryStatistics, entry_statistics
from zoo_analysis.texts import few
from zoo_analysis.weights import Checkpoint, LayerSpec, list_layers, load_kernel, open_checkpoint

#: Units of a layer that are matched, the first, and the first of their inputs.
_UNITS, _UNIT_INPUTS = 256, 1024
#: Rank to which what reads the stream is kept.
_RANK: Final = 256
#: Words or inputs by which the stream's dimensions are told, the first.
_INPUTS: Final = 2048
#: Rows and columns of the part of each layer that distances are measured on, the first.
_SAMPLED: Final = (16, 512)


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
        left_out: names of those that nothing is told by, by the reason.
    """

    units: Mapping[Name, torch.Tensor]
    basis: torch.Tensor | None
    words: bool
    readers: Mapping[Name, torch.Tensor]
    samples: Mapping[Name, NDArray[np.float32]]
    kurtosis: Mapping[Name, float]
    layers: int
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def remark(self) -> str:
        """The matrices that nothing is told by, in a sentence; empty where there are none."""
        return left_out_words(self.layers, self.left_out)


def left_out_words(layers: int, left_out: Mapping[str, Sequence[str]]) -> str:
    """Matrices of a model that its kinship is not told by, in words; empty where there are none.

    Args:
        layers: that the model has.
        left_out: their names by the reason.
    """
    if not left_out:
        return ""
    count = sum(map(len, left_out.values()))
    told = "; ".join(f"{len(of):,} {why}: {few(of)}" for why, of in sorted(left_out.items()))
    return f"lineage leaves out {count:,} of {layers:,} matrices ({told})"


def model_outline(ref: ModelRef, access: HubAccess | None = None) -> Outline:
    """The outline of a model, of which headers alone are read.

    Args:
        ref: the model.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        CheckpointError: weights that cannot be opened.
    """
    with open_checkpoint(ref.path, access) as checkpoint:
        return outline_of(list_layers(checkpoint, None, ref.architecture))


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
    outline = outline_of(specs)
    units: dict[Name, torch.Tensor] = {}
    readers: dict[Name, torch.Tensor] = {}
    samples: dict[Name, NDArray[np.float32]] = {}
    kurtosis: dict[Name, float] = {}
    odd: dict[str, tuple[str, ...]] = {}
    basis = None
    checkpoint.expect(outline.specs)
    for spec in outline.specs:
        name, kernel = (spec.layer, spec.shape), load_kernel(checkpoint, spec)
        entries = entry_statistics(kernel)
        if entries is None or (why := _says_nothing(entries)):
            why = "not finite" if entries is None else why
            odd[why] = (*odd.get(why, ()), spec.layer)
            continue
        rows, columns = _SAMPLED
        samples[name] = kernel.flatten(0, 1).flatten(1)[:rows, :columns].float().numpy().copy()
        kurtosis[name] = 0.0 if entries.kurtosis is None else entries.kurtosis - 3
        if spec is outline.first:
            basis = _basis(spec, kernel)
        if spec.layer in outline.own:
            rows_of = unit_rows(kernel, outline.own[spec.layer], _UNITS)
            units[name] = rows_of[:, :_UNIT_INPUTS].clone()
        if spec.layer in outline.readers:
            readers[name] = _compressed(kernel[0].movedim(1, 0).flatten(1))
    layers = len(outline.specs) + sum(map(len, outline.left_out.values()))
    left_out = {**outline.left_out, **odd}
    return Fingerprint(units, basis, outline.words, readers, samples, kurtosis, layers, left_out)


def _says_nothing(entries: EntryStatistics) -> str:
    """Why a matrix of such entries tells nothing in float32; empty where it does."""
    with np.errstate(over="ignore", under="ignore"):
        least, most = np.float32(entries.min), np.float32(entries.max)
    if not np.isfinite([least, most]).all():
        return "beyond the range of float32"
    # As zeros: equal in strangers, and in no order.
    return "of one value throughout" if least == most else ""


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
