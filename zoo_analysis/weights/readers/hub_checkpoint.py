"""Opens the weights of a repository: streamed where that is possible, else from the cache."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, current_access
from zoo_analysis.hub.cache import cached, download, in_use
from zoo_analysis.hub.file import HubFile, RangeIgnored
from zoo_analysis.hub.path import HubPath, parse, shard_names
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers.by_suffix import reader_of
from zoo_analysis.weights.readers.hub_bytes import HubBytes
from zoo_analysis.weights.readers.safetensors_reader import SafetensorsCheckpoint

Reader = Callable[[Path], Checkpoint]
#: Headers of shards that are read at the same time.
_AT_ONCE: Final = 8


class HubCheckpoint(SafetensorsCheckpoint):
    """safetensors files of a repository, read by byte range."""

    def __init__(self, where: HubPath, sources: Sequence[HubBytes], access: HubAccess) -> None:
        super().__init__(str(where), sources)
        self._where, self._access = where, access
        for source, following in pairwise(sources):
            source.following = following

    def beside(self, name: str) -> str | None:
        """See `Checkpoint.beside`; an adapter's configuration is looked for beside adapters."""
        if name.startswith("adapter") and not self._where.file.startswith("adapter"):
            return None
        return read_text(self._access, self._where, name)


def open_hub(path: str, read: Reader) -> Checkpoint:
    """Open the model at ``hf://OWNER/NAME@COMMIT/FILE``; only headers are read.

    Args:
        path: see `HubPath`.
        read: opens a local file or directory.

    Raises:
        CheckpointError: missing, gated, malformed, or a hub that does not answer.
    """
    where, access = parse(path), current_access()
    names, index = [where.file], where.file.endswith(".index.json")
    if index:
        have = cached(access, where.repo_id, where.revision, names)
        text = (have / where.file).read_text() if have else read_text(access, where, where.file)
        names = shard_names(text or "", path)
    files = [*names, where.file] if index else names
    local = cached(access, where.repo_id, where.revision, files)
    if local is None and reader_of(names[0]).streamed:
        try:
            return HubCheckpoint(where, _sources(access, where, names), access)
        except RangeIgnored:
            pass
    if local is None:
        local = download(access, where.repo_id, where.revision, files, "config.json")
    with ExitStack() as stack:
        stack.enter_context(in_use(local))
        checkpoint = read(local if index else local / where.file)
        _close_too(checkpoint, stack.pop_all())
        return checkpoint


def read_text(access: HubAccess, where: HubPath, name: str) -> str | None:
    """A small text file of the repository; None if there is none."""
    from huggingface_hub.errors import EntryNotFoundError

    try:
        raw = HubFile(access, where.repo_id, where.revision, name).whole()
    except CheckpointError as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            return None
        raise
    except RangeIgnored:
        return (download(access, where.repo_id, where.revision, [name]) / name).read_text()
    return raw.decode("utf-8", errors="replace")


def _sources(access: HubAccess, where: HubPath, names: Sequence[str]) -> list[HubBytes]:
    def source(name: str) -> HubBytes:
        return HubBytes(HubFile(access, where.repo_id, where.revision, name))

    if len(names) == 1:
        return [source(names[0])]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(source, names))


def _close_too(checkpoint: Checkpoint, stack: ExitStack) -> None:
    """Let `stack` go when the checkpoint is closed."""
    close = checkpoint.close

    def both() -> None:
        close()
        stack.close()

    checkpoint.close = both  # type: ignore[method-assign]
