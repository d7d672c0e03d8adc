"""A model in memory, read like a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.readers.torch_files.overlaps import seen_elsewhere, views


class MemoryCheckpoint(Checkpoint):
    """The tensors of a state dict.

    Args:
        state: tensors by name, in the order of definition, as ``Module.state_dict()`` gives them.

    Raises:
        CheckpointError: no tensor among the values.
    """

    format = "torch"
    ordered = True

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.path = Path("<memory>")
        self._tensors = {
            name: value.detach() for name, value in state.items() if torch.is_tensor(value)
        }
        if not self._tensors:
            raise CheckpointError("a state dict without tensors: nothing to analyse")
        shown = views(self._tensors, self.remarks)
        infos = {name: _info(name, tensor) for name, tensor in self._tensors.items()}
        self.tensors = {name: info for name, info in infos.items() if name not in shown}
        self.aside = [seen_elsewhere(infos[name], outside) for name, outside in shown.items()]

    def read(self, name: str) -> torch.Tensor:
        """See `Checkpoint.read`."""
        self.info(name)
        return self._tensors[name].cpu()

    def read_rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """See `Checkpoint.read_rows`."""
        self.rows_of(name, start, stop)
        return self._tensors[name][start:stop].cpu()


def _info(name: str, tensor: torch.Tensor) -> TensorInfo:
    return TensorInfo(
        name,
        tuple(tensor.shape),
        str(tensor.dtype).removeprefix("torch."),
        tensor.nbytes,
        (tensor.data_ptr(), *tensor.stride()),
    )
