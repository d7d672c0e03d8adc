"""The one way to a model's weights, wherever they are and in whatever format."""

from pathlib import Path

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers.by_suffix import reader_of
from zoo_analysis.weights.readers.files import weight_files
from zoo_analysis.weights.readers.hub_checkpoint import open_hub
from zoo_analysis.weights.readers.limits import refuse_excess, refuse_many
from zoo_analysis.weights.readers.slices import LlamaSlices, are_joined


def open_checkpoint(
    path: str | Path, access: HubAccess | None = None, variant: str = ""
) -> Checkpoint:
    """The checkpoint of the model at `path`; only headers are read.

    Args:
        path: a weight file (.safetensors .bin .pt .pth .th .ckpt .pth.tar .gguf .msgpack .keras .h5
            .hdf5 .onnx, or a suffix that another package reads; a shard stands for all of them),
            the index of shards, or a folder in hub layout: model.safetensors or its index, any one
            safetensors file, pytorch_model.bin or its index, any one torch file, then files of the
            other formats, in this order; or ``hf://OWNER/NAME@COMMIT/FILE``.
        access: how to reach the hub; None is `hub.access.default_access`.
        variant: of the weights in a folder (``fp16``, ``non_ema``); "" prefers the plain files.

    Raises:
        CheckpointError: missing, without weights, truncated, malformed, unsafe or unsupported.
    """
    if str(path).startswith(SCHEME):
        return open_hub(str(path), open_checkpoint, access or default_access())
    path = Path(path)
    files = weight_files(path, variant)
    reader = reader_of(str(files[0]))
    if are_joined(files):
        checkpoint: Checkpoint = LlamaSlices(path, [reader.open(file, [file]) for file in files])
    else:
        checkpoint = reader.open(path, files)
    try:
        refuse_many(len(checkpoint.tensors), str(path))
        for info in checkpoint.tensors.values():
            refuse_excess(info.name, info.shape, str(path))
    except CheckpointError:
        checkpoint.close()
        raise
    return checkpoint
