"""Opens the weights of a repository: streamed where that is possible, else from a cache."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.file import RangeIgnored
from zoo_analysis.hub.path import is_index, parse, shard_names
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers.by_suffix import reader_of
from zoo_analysis.weights.readers.hub_bytes import HubBytes
from zoo_analysis.weights.readers.safetensors_reader import SafetensorsCheckpoint

#: Headers of shards that are read at the same time.
_AT_ONCE: Final = 8


class HubCheckpoint(SafetensorsCheckpoint):
    """safetensors files of a repository, read by byte range.

    Args:
        path: what was asked for.
        repository: that holds them.
        names: of the shards.

    Raises:
        RangeIgnored: the server cannot be asked for ranges.
        CheckpointError: missing, gated, malformed, or a hub that does not answer.
    """

    def __init__(self, path: str, repository: Repository, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            sources = list(pool.map(partial(HubBytes, repository), names))
        for source, following in pairwise(sources):
            source.following = following
        super().__init__(path, sources)
        self._repository = repository

    def beside(self, name: str) -> str | None:
        """See `Checkpoint.beside`; an adapter's configuration is looked for beside adapters."""
        weights = Path(parse(str(self.path)).file)
        if name.startswith("adapter") and not weights.name.startswith("adapter"):
            return None
        return self._repository.text(str(weights.with_name(name)))


def open_hub(path: str, read: Callable[[Path], Checkpoint], access: HubAccess) -> Checkpoint:
    """Open the model at ``hf://OWNER/NAME@COMMIT/FILE``; only headers are read.

    Args:
        path: see `HubPath`.
        read: opens a local file or directory.
        access: how to reach the hub.

    Raises:
        CheckpointError: missing, gated, malformed, or a hub that does not answer.
    """
    where = parse(path)
    repository = Repository(access, where.repo_id, where.revision)
    names, index, beside = [where.file], is_index(where.file), Path(where.file).with_name
    if index:
        shards = shard_names(repository.text(where.file) or "", path)
        names = [str(beside(name)) for name in shards]
    files = [*names, where.file] if index else [*names]
    if reader_of(names[0]).streamed and repository.cached(files) is None:
        with suppress(RangeIgnored):
            return HubCheckpoint(path, repository, names)
    with ExitStack() as held:
        folder = held.enter_context(repository.snapshot(files, optional=str(beside("config.json"))))
        if (further := reader_of(names[0]).further) and (more := further(folder / names[0])):
            files += [str(Path(where.file).parent / name) for name in more]
            folder = held.enter_context(repository.snapshot(files))
        file = folder / where.file
        checkpoint = read(file.parent if index else file)
        checkpoint.resources.push(held.pop_all())
        return checkpoint
