"""Opens the weights of a repository: streamed where that is possible, else from a cache."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.file import RangeIgnored
from zoo_analysis.hub.path import expanded, is_index, parse, shard_names, shards_beside
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers.by_suffix import reader_of
from zoo_analysis.weights.readers.byte_source import ByteSource
from zoo_analysis.weights.readers.hub_bytes import HubBytes
from zoo_analysis.weights.readers.ranged import AT_ONCE, RangedCheckpoint


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
    index, beside = is_index(where.file), Path(where.file).with_name
    shards: Sequence[str] = expanded(Path(where.file).name)
    if index:
        shards = shard_names(repository.text(where.file) or "", path)
    elif len(shards) == 1:
        shards = shards_beside(shards[0])
    names = [str(beside(name)) for name in shards]
    files = [*names, where.file] if index else names
    config = "adapter_config.json" if _is_adapter(where.file) else "config.json"
    stream = reader_of(names[0]).streamed
    if stream and repository.cached(files) is None:
        with suppress(RangeIgnored):
            return _streamed(path, repository, names, stream)
    with ExitStack() as held:
        folder = held.enter_context(repository.snapshot(files, optional=str(beside(config))))
        if (further := reader_of(names[0]).further) and (more := further(folder / names[0])):
            files += [str(Path(where.file).parent / name) for name in more]
            folder = held.enter_context(repository.snapshot(files))
        checkpoint = read(folder / where.file)
        checkpoint.resources.push(held.pop_all())
        return checkpoint


def _is_adapter(file: str) -> bool:
    return Path(file).name.startswith("adapter")


def _streamed(
    path: str,
    repository: Repository,
    names: Sequence[str],
    stream: Callable[[str, Sequence[ByteSource]], RangedCheckpoint],
) -> Checkpoint:
    """The files of a repository, read by byte range; RangeIgnored if the server knows none."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sources = list(pool.map(partial(HubBytes, repository), names))
    for source, following in pairwise(sources):
        source.following = following
    checkpoint = stream(path, sources)
    weights = Path(parse(path).file)

    def text(name: str) -> str | None:
        """An adapter's configuration is looked for beside adapters."""
        if name.startswith("adapter") and not _is_adapter(weights.name):
            return None
        return repository.text(str(weights.with_name(name)))

    checkpoint.texts = text
    return checkpoint
