"""A checkpoint's matrices, one at a time."""

from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.hub_access import HubAccess, current_access, hub_access
from zoo_analysis.weights.kernel import kernel_dims, load_kernel
from zoo_analysis.weights.layer import Kind, LayerSpec, Role
from zoo_analysis.weights.layers import list_layers, read_config
from zoo_analysis.weights.locate import open_checkpoint

__all__ = [
    "Checkpoint",
    "HubAccess",
    "Kind",
    "LayerSpec",
    "Role",
    "TensorInfo",
    "current_access",
    "hub_access",
    "kernel_dims",
    "list_layers",
    "load_kernel",
    "open_checkpoint",
    "read_config",
]
