"""A checkpoint's matrices, one at a time."""

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.kernel import kernel_dims, load_kernel
from zoo_analysis.weights.layers.listing import list_layers, read_config
from zoo_analysis.weights.readers.open import open_checkpoint
from zoo_analysis.weights.spec import Kind, LayerSpec, Role

__all__ = [
    "Checkpoint",
    "HubAccess",
    "Kind",
    "LayerSpec",
    "Role",
    "TensorInfo",
    "kernel_dims",
    "list_layers",
    "load_kernel",
    "open_checkpoint",
    "read_config",
]
