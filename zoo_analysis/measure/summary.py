"""One model's averages in one call, without Ray or a store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zoo_analysis.measure.analyze import analyze
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.store.views import average


def summary(
    model: str | Path | torch.nn.Module | Mapping[str, Any],
    how: Method | Preset | None = None,
    device: str = "cpu",
    *,
    variant: str = "",
) -> dict[str, Any]:
    """A model's averages over its layers, as the view `summaries` has them.

    Args:
        model: as `analyze` takes it.
        how: the method, or the name of its preset; the default one where None.
        device: ``cpu`` or ``cuda``.
        variant: of the weights in a model directory.

    Returns:
        The id of the method, and every averaged metric by its name; None where no layer has it.

    Raises:
        CheckpointError: no readable weights there, or none of the variant.
    """
    how = as_method(how)
    return {"method": how.id, **average(analyze(model, how, device, variant=variant))}
