"""The reader of safetensors files, one or many shards, tensor by tensor."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo_analysis.folders import folder_of
from zoo_analysis.weights.readers.byte_source import ByteSource, FileBytes
from zoo_analysis.weights.readers.ranged import HeaderEntry, RangedCheckpoint
from zoo_analysis.weights.readers.reader import Reader
from zoo_analysis.weights.readers.safetensors_header import read_header


class SafetensorsCheckpoint(RangedCheckpoint):
    """Tensors of safetensors sources; see `RangedCheckpoint`."""

    format = "safetensors"
    ordered = False

    def entries_of(self, source: ByteSource) -> Mapping[str, HeaderEntry]:
        """See `RangedCheckpoint.entries_of`."""
        return read_header(source).entries


def open_safetensors(path: Path, files: Sequence[Path]) -> SafetensorsCheckpoint:
    """The checkpoint of local files.

    Args:
        path: of the model, for errors.
        files: its shards.

    Raises:
        CheckpointError: a file that is missing or malformed.
    """
    return SafetensorsCheckpoint(path, [FileBytes(file, folder_of(path)) for file in files])


READER = Reader(
    SafetensorsCheckpoint.format, (".safetensors",), open_safetensors, SafetensorsCheckpoint
)
