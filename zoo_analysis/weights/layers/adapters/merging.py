"""Updates added to the weights that they are of, as peft merges them."""

from typing import Final

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.layers.adapters.cores import whole_update
from zoo_analysis.weights.layers.adapters.factors import part_of
from zoo_analysis.weights.spec import LayerSpec

_MAGNITUDES: Final = "lora_magnitude_vector"


def merged(checkpoint: Checkpoint, spec: LayerSpec, base: torch.Tensor) -> torch.Tensor:
    """A base's kernel with an adapter's update in it; of DoRA each output has its magnitude.

    Args:
        checkpoint: the adapter.
        spec: the update.
        base: kernel of what is updated, (groups, out / groups, in / groups, …), float64.

    Returns:
        The kernel, of the base's shape.

    Raises:
        CheckpointError: see `update_core`; magnitudes that are not one an output.

    Source: as peft merges; DoRA of Liu et al. 2024, arXiv 2402.09353: m · (W + BA) / ‖W + BA‖.
    """
    rows = base.flatten(0, 1).flatten(1)
    rows = rows.T if is_of_words(spec) else rows
    tuned = rows + whole_update(checkpoint, spec)
    if (name := magnitudes(checkpoint, spec)) is not None:
        lengths = checkpoint.read(name).double().flatten()
        if len(lengths) != len(tuned):
            raise CheckpointError(
                f"{checkpoint.path}: {name}: {len(lengths)} magnitudes of {len(tuned)} outputs"
            )
        tuned = tuned * (lengths / tuned.norm(dim=1))[:, None]
    return (tuned.T if is_of_words(spec) else tuned).reshape(base.shape)


def magnitudes(checkpoint: Checkpoint, spec: LayerSpec) -> str | None:
    """The tensor of DoRA's magnitudes that belongs to an update; None where there is none.

    Args:
        checkpoint: the adapter.
        spec: the update.
    """
    module, _, end = spec.tensors[0].rpartition(".lora_")
    own = _adapter(end.partition(".")[2])
    begin = f"{module}.{_MAGNITUDES}"
    return next(
        (
            name
            for name in checkpoint.tensors
            if name.startswith(begin) and _adapter(name.removeprefix(begin).lstrip(".")) == own
        ),
        None,
    )


def is_of_words(spec: LayerSpec) -> bool:
    """True of an update of an embedding, which peft keeps as (dimensions × words).

    Args:
        spec: an update, or any other layer.
    """
    return spec.rank is not None and part_of(spec.tensors[0]).startswith("embedding_")


def _adapter(end: str) -> str:
    """The adapter's name in the end of a tensor's: empty of the only one."""
    name = end.removesuffix("weight").strip(".")
    return "" if name == "default" else name
