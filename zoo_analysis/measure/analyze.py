"""One model measured in this process, without Ray or a store."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from zoo_analysis.measure.rows import measure
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.weights import Checkpoint, LayerSpec, list_layers, open_checkpoint
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.blocks.block_listing import blocks_of
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.readers.memory import MemoryCheckpoint


def analyze(
    model: str | Path | torch.nn.Module | Mapping[str, Any],
    how: Method | Preset | None = None,
    device: str = "cpu",
    *,
    variant: str = "",
) -> pa.Table:
    """Measure every layer of a model.

    Args:
        model: a checkpoint file, a model directory in hub layout, a torch module, or its state
            dict.
        how: the method, or the name of its preset; the default one where None (`method` makes
            others).
        device: ``cpu`` or ``cuda``.
        variant: of the weights in a model directory (``fp16``); "" prefers the plain ones.

    Returns:
        A row a layer, in the order of depth: the columns of the `layers` table without its keys.
        ``.to_pandas()`` makes it a data frame.

    Raises:
        CheckpointError: no readable weights there, or none of the variant.
    """
    how = as_method(how)
    checkpoint, specs = opened(model, how.split_qkv or how.of == "blocks", variant)
    with checkpoint:
        specs = blocks_of(specs).specs if how.of == "blocks" else specs
        return measure(checkpoint, specs, how, device).layers


def opened(
    model: str | Path | torch.nn.Module | Mapping[str, Any], split_qkv: bool, variant: str
) -> tuple[Checkpoint, Sequence[LayerSpec]]:
    """The checkpoint of a model as `analyze` takes it, and its layers."""
    if isinstance(model, str | Path):
        checkpoint: Checkpoint = open_checkpoint(model, variant=variant)
        return checkpoint, list_layers(checkpoint, split_qkv=split_qkv)
    if isinstance(model, torch.nn.Module):
        checkpoint = MemoryCheckpoint(model.state_dict())
        return checkpoint, inventory_by(describe(model), checkpoint, {}, split_qkv).layers
    checkpoint = MemoryCheckpoint(model)
    return checkpoint, inventory_by(None, checkpoint, {}, split_qkv).layers
