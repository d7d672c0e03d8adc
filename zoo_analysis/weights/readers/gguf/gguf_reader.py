"""The reader of GGUF files, one or many shards; blocks are decoded by the `gguf` package."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import ByteSource, FileBytes
from zoo_analysis.weights.readers.gguf.gguf_header import read_gguf_header
from zoo_analysis.weights.readers.gguf.gguf_kinds import gguf_kinds, with_channel_axis
from zoo_analysis.weights.readers.ranged import HeaderEntry, RangedCheckpoint
from zoo_analysis.weights.readers.reader import Reader

if TYPE_CHECKING:
    import torch

#: Values that are decoded at a time: what the decoder holds besides stays a few MiB.
_AT_ONCE: Final = 1 << 18

#: Sizes of the network by the names that transformers gives them.
_SIZES: Final = {
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "hidden_size": "embedding_length",
}


class GgufCheckpoint(RangedCheckpoint):
    """Tensors of GGUF sources, those of quantised types decoded; see `RangedCheckpoint`.

    A weight with a ``.scale`` beside it (BitNet, NVFP4) is read times that scale. The rows of q and
    k of Llama's kin are in llama.cpp's order, not in transformers'; no spectrum sees that.

    Attributes:
        metadata: short ones of the first file.
    """

    format = "gguf"
    ordered = False  # converters keep safetensors' order, the quantiser has one of its own

    def __init__(self, path: Path | str, sources: Sequence[ByteSource]) -> None:
        self.metadata: Mapping[str, Any] = {}
        super().__init__(path, sources)
        kind, shards = self.metadata.get("general.type"), self.metadata.get("split.count", 1)
        if kind == "imatrix":
            raise CheckpointError(f"{path}: an importance matrix for quantising, no weights")
        if len(sources) != (shards or 1):
            raise CheckpointError(
                f"{path}: {len(sources)} of the {shards!r} shards of a model; all are needed, "
                "under the names that gguf-split gives them"
            )
        if not self.tensors:
            raise CheckpointError(f"{path}: no weights: a GGUF file without tensors")
        self._scales = {
            name: scale for name in self.tensors if (scale := self._scale(name)) is not None
        }
        for name in self._scales:
            info, entry = self.tensors[name], self.entries[name][1]
            coded = entry.coded or entry.dtype
            self.tensors[name] = replace(info, dtype="float32", coded=coded)
        self.tensors = {name: with_channel_axis(info) for name, info in self.tensors.items()}
        self.kinds = gguf_kinds(self.tensors)
        self.reasons = {name: "vector" for name, kind in self.kinds.items() if kind is None}

    def entries_of(self, source: ByteSource) -> Mapping[str, HeaderEntry]:
        """See `RangedCheckpoint.entries_of`."""
        header = read_gguf_header(source)
        if source is self.sources[0]:
            self.metadata = header.metadata
        return header.entries

    def elements(self, name: str, first: int, last: int) -> "torch.Tensor":
        """See `RangedCheckpoint.elements`."""
        source, entry = self.entries[name]
        if entry.coded is None:
            values = super().elements(name, first, last)
        elif entry.dtype == "float32":
            values = _decoded(source, entry, first, last)
        else:
            raise CheckpointError(f"{source.name}: {name}: {entry.coded} cannot be decoded")
        return self._scaled(name, values, first) if name in self._scales else values

    def beside(self, name: str) -> str | None:
        """The metadata in place of config.json and adapter_config.json."""
        said = self.metadata.get
        if name == "adapter_config.json":
            alpha = said("adapter.lora.alpha")
            number = isinstance(alpha, float | int) and math.isfinite(alpha)
            return json.dumps({"lora_alpha": alpha}) if number and alpha else None
        if name != "config.json":
            return super().beside(name)
        architecture = said("general.architecture")
        sizes = {key: said(f"{architecture}.{own}") for key, own in _SIZES.items()}
        config = {key: size for key, size in sizes.items() if type(size) is int and size > 0}
        return json.dumps({"general.architecture": architecture, **config})

    def _scale(self, name: str) -> str | None:
        """The tensor that holds the scale of `name`, one number or one a matrix of a stack."""
        scale = self.tensors.get(f"{name.removesuffix('.weight')}.scale")
        info = self.tensors[name]
        plain = scale is not None and scale.dtype == "float32" and scale.coded is None
        if scale is None or not (plain and name.endswith(".weight") and "float" in info.dtype):
            return None
        stacked = len(info.shape) == 3 and scale.shape == info.shape[:1]
        fitting = (scale.shape == (1,) or stacked) and 0 not in info.shape
        return scale.name if fitting else None

    def _scaled(self, name: str, values: "torch.Tensor", first: int) -> "torch.Tensor":
        scales = self.tensors[self._scales[name]]
        scale, values = super().elements(scales.name, 0, scales.shape[0]), values.float()
        if len(scale) == 1:
            return values * scale
        row = math.prod(self.tensors[name].shape[1:])
        own = scale[first // row : (first + len(values)) // row]
        return (values.reshape(-1, row) * own[:, None]).flatten()


def _decoded(source: ByteSource, entry: HeaderEntry, first: int, last: int) -> "torch.Tensor":
    """Elements ``[first, last)`` of a coded tensor as float32, decoded some blocks at a time."""
    import numpy as np
    import torch
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    kind = GGMLQuantizationType[(entry.coded or "").upper()]
    block, size = GGML_QUANT_SIZES[kind]
    start, stop, step = first // block, -(-last // block), _AT_ONCE // block
    out = torch.empty((stop - start) * block, dtype=torch.float32)
    values = out.numpy()
    for at in range(start, stop, step):
        to = min(at + step, stop)
        buffer, skip = source.read(entry.start + at * size, entry.start + to * size)
        codes = np.frombuffer(buffer, np.uint8, (to - at) * size, skip)
        with np.errstate(all="ignore"):  # scales may be infinite or no number; the row says so
            values[(at - start) * block : (to - start) * block] = dequantize(codes[None], kind)
    return out[first - start * block : last - start * block]


def open_gguf(path: Path, files: Sequence[Path]) -> GgufCheckpoint:
    """The checkpoint of local files.

    Args:
        path: of the model, for errors.
        files: its shards.

    Raises:
        CheckpointError: a file that is missing or malformed.
    """
    return GgufCheckpoint(path, [FileBytes(file) for file in files])


READER = Reader(GgufCheckpoint.format, (".gguf",), open_gguf, GgufCheckpoint)
