"""The declaration of a format of checkpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_analysis.weights.checkpoint import Checkpoint


@dataclass(frozen=True)
class Reader:
    """One format of checkpoints: the names of its files, and the function that opens them.

    Attributes:
        format: its name, as the column `weights_format` of `models` shows it.
        suffixes: of its files, in lower case and with the dot; files that end so are looked for in
            folders.
        open: opens one model, given the path that was asked for (for errors) and its files: one, or
            all shards. Reads headers only. Raises `CheckpointError` for what cannot be read.
        streamed: its files on the hub are read by byte range and never downloaded; for files in the
            safetensors format.
        further: the files that tensors of one of its files are in, relative to the folder of that;
            None for formats whose files are whole.
        named: suffixes of files that are opened when they are named and not looked for.
    """

    format: str
    suffixes: tuple[str, ...]
    open: Callable[[Path, Sequence[Path]], Checkpoint]
    streamed: bool = False
    further: Callable[[Path], tuple[str, ...]] | None = None
    named: tuple[str, ...] = ()
