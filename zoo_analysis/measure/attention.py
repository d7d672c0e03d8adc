"""The products of one model's attention heads, in this process."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.measure.analyze import opened
from zoo_analysis.measure.rows import measure
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.weights.layers.blocks.block_listing import blocks_of


def attention_products(
    model: str | Path | torch.nn.Module | Mapping[str, Any],
    how: Method | Preset | None = None,
    *,
    heads: int | None = None,
) -> pa.Table:
    """Measure W_Qᵀ·W_K and W_O·W_V of every attention head that a checkpoint tells apart.

    Args:
        model: as `analyze` takes it.
        how: the method, which says how a spectrum is fitted; the default one where None.
        heads: of queries; what the architecture or config.json say where None. How many of them
            share keys and values follows from the sides.

    Returns:
        A row a head and product, in the order of depth: the columns of the `layers` table without
        its keys. `layer` is ``BLOCK[qk,HEAD]`` or ``BLOCK[ov,HEAD]``, `role` ``qk`` or ``ov``, `N`
        the width of the network and `M` that of the head. Other roles than these two are not there.

    Raises:
        CheckpointError: no readable weights, or attention of which no head can be measured: nothing
            says how many there are, or q, k, v and output are not told apart.
    """
    how = replace(as_method(how), of="blocks")
    checkpoint, specs = opened(model, True, "")
    with checkpoint:
        if heads is not None:
            specs = [replace(spec, heads=heads) for spec in specs]
        found = blocks_of(specs)
        blocks = [block for block in found.specs if block.kind == "product"]
        if not blocks and any(spec.role in ("q", "qkv") for spec in specs):
            raise CheckpointError(f"{checkpoint.path}: {found.remarks[0]}")
        return measure(checkpoint, blocks, how).layers
