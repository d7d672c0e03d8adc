"""The architectures of timm as models of a replay, built on the meta device."""

import json
import math
from collections import Counter
from typing import Any

import torch

from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel
from zoo_analysis.folders import user_cache
from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.kernel import kernel_dims
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.quiet import quietly
from zoo_analysis.weights.readers.memory import MemoryCheckpoint


def timm_zoo() -> tuple[list[ZooModel], dict[str, str]]:
    """Every architecture of timm, in float32; what was built once is kept in the user's cache.

    Returns:
        The models, and of architectures that cannot be built on the meta device why.
    """
    import timm

    file = user_cache() / "replay" / f"timm-{timm.__version__}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({name: _built(name) for name in timm.list_models()}))
    found: dict[str, Any] = json.loads(file.read_text())
    models = [
        ZooModel(
            name,
            each["nbytes"],
            {(g, rows, cols, tuple(more)): n for (g, rows, cols, more), n in each["kernels"]},
        )
        for name, each in found.items()
        if "kernels" in each
    ]
    return models, {name: each["error"] for name, each in found.items() if "error" in each}


def _built(name: str) -> dict[str, Any]:
    import timm

    try:
        with quietly(), torch.device("meta"):
            network = timm.create_model(name, pretrained=False)
    except Exception as error:  # whatever a library does with tensors that have no values
        return {"error": f"{type(error).__name__}: {error}"}
    checkpoint = _Header(network.state_dict())
    kernels = Counter(
        (*kernel_dims(spec)[:3], spec.shape[2:] if spec.kind.startswith("conv") else ())
        for spec in inventory_by(describe(network), checkpoint, {}).layers
    )
    return {"nbytes": checkpoint.nbytes, "kernels": list(kernels.items())}


class _Header(MemoryCheckpoint):
    """Tensors without values, each in a place of its own."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__(state)
        self.tensors = {
            name: TensorInfo(name, info.shape, info.dtype, _nbytes(info), (number,))
            for number, (name, info) in enumerate(self.tensors.items())
        }


def _nbytes(info: TensorInfo) -> int:
    dtype: torch.dtype = getattr(torch, info.dtype)
    return math.prod(info.shape) * dtype.itemsize
