"""The declaration of a format of checkpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers.byte_source import ByteSource
from zoo_analysis.weights.readers.ranged import RangedCheckpoint


@dataclass(frozen=True)
class Reader:
    """One format of checkpoints: the names of its files, and the function that opens them.

    Attributes:
        format: its name, as the column `weights_format` of `models` shows it.
        suffixes: of its files, in lower case and with the dot; files that end so are looked for in
            folders.
        open: opens one model, given the path that was asked for (for errors) and its files: one, or
            all shards. Reads headers only. Raises `CheckpointError` for what cannot be read.
        streamed: opens the files of a model on the hub, given its path and where the bytes of each
            come from: they are read by byte range and never downloaded. None where they are.
        further: the files that tensors of one of its files are in, relative to the folder of that;
            None for formats whose files are whole.
        named: suffixes of files that are opened when they are named and not looked for.
    """

    format: str
    suffixes: tuple[str, ...]
    open: Callable[[Path, Sequence[Path]], Checkpoint]
    streamed: Callable[[str, Sequence[ByteSource]], RangedCheckpoint] | None = None
    further: Callable[[Path], tuple[str, ...]] | None = None
    named: tuple[str, ...] = ()
