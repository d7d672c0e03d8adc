"""Weights put together from the tensors that torch's reparametrisations keep."""

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.spec import LayerSpec


def effective_weight(checkpoint: Checkpoint, spec: LayerSpec, weight: torch.Tensor) -> torch.Tensor:
    """The weight that the network multiplies with.

    Args:
        checkpoint: where `spec` was found.
        spec: a layer with a recipe.
        weight: its first tensor, whole and floating.

    Raises:
        CheckpointError: tensors that are missing, unreadable, or do not fit each other.
    """
    others = [checkpoint.read(name) for name in spec.tensors[1:]]
    try:
        if spec.recipe == "mask":
            return weight * others[0].to(weight.dtype).reshape(weight.shape)
        if spec.recipe == "spectral_norm":
            u, v = (vector.to(weight.dtype) for vector in others)
            return _spectrally_normalised(weight, u, v, transposed="transpose" in spec.kind)
        return _length_normalised(weight, others[0].to(weight.dtype))
    except (RuntimeError, IndexError):  # of shapes that do not fit
        shapes = ", ".join(str(tuple(other.shape)) for other in (weight, *others))
        raise CheckpointError(
            f"{checkpoint.path}: {spec.layer}: {spec.recipe} of shapes {shapes} do not fit"
        ) from None


def _spectrally_normalised(
    weight: torch.Tensor, u: torch.Tensor, v: torch.Tensor, transposed: bool
) -> torch.Tensor:
    """W/uᵀWv (Miyato et al. 2018), the outputs being the second axis of a transposed kernel."""
    matrix = weight.transpose(0, 1) if transposed else weight
    result: torch.Tensor = weight / (u @ matrix.flatten(1) @ v)
    return result


def _length_normalised(directions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """g·v/‖v‖ of weight normalisation (Salimans & Kingma 2016), the norm over what g lacks."""
    if lengths.ndim not in (0, directions.ndim):
        raise RuntimeError
    axes = [
        axis for axis in range(directions.ndim) if lengths.ndim == 0 or lengths.shape[axis] == 1
    ]
    norms = torch.linalg.vector_norm(directions, dim=axes, keepdim=True)
    weight: torch.Tensor = directions * (lengths / norms)
    if weight.shape != directions.shape:
        raise RuntimeError
    return weight
