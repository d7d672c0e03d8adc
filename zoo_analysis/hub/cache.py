"""Weights that cannot be streamed: downloaded once to this node's disk, within a limit."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import CACHE_NAME, HubAccess, cache_dir, gate
from zoo_analysis.hub.refusals import explain
from zoo_analysis.hub.retry import patiently


class NotDownloaded(CheckpointError):
    """Weights that would have to be downloaded, where that is not wanted; `size` in bytes."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


def download(
    access: HubAccess, repo_id: str, revision: str, names: Sequence[str], optional: str = ""
) -> Path:
    """The snapshot directory of a revision with these files in it.

    Least recently used revisions make room, but none that `in_use` holds.

    Args:
        access: how to reach the hub, and how much may be kept.
        repo_id: of the repository.
        revision: commit sha.
        names: of the files.
        optional: a file to have beside them, if there is one.

    Raises:
        CheckpointError: a file that cannot be had, or more than the cache may hold.
        NotDownloaded: `access` forbids it.
    """
    from huggingface_hub.errors import EntryNotFoundError

    root = cache_dir(access)
    with _locked(_locks(root) / "room", fcntl.LOCK_EX):  # one at a time: the sum must be right
        try:
            missing = _missing(access, repo_id, revision, names)
            if missing and not access.download:
                raise NotDownloaded(
                    f"{repo_id}: must be downloaded to be read: layers unknown",
                    sum(missing.values()),
                )
            make_room(root, sum(missing.values()), access.cache_bytes, repo_id)
            for name in names:
                with gate():
                    path = _fetch(access, repo_id, revision, name)
            if optional:
                with suppress(EntryNotFoundError):
                    _fetch(access, repo_id, revision, optional)
        except CheckpointError:
            raise
        except Exception as error:
            raise CheckpointError(explain(error, repo_id, access, revision)) from error
    up = len(Path(names[-1]).parts)
    snapshot = Path(path).parents[up - 1]
    os.utime(snapshot)  # when it was used last
    return snapshot


def cached(access: HubAccess, repo_id: str, revision: str, names: Sequence[str]) -> Path | None:
    """The snapshot directory that holds all of these files already, the user's own or ours."""
    from huggingface_hub import try_to_load_from_cache

    for root in (None, cache_dir(access)):
        found = [
            try_to_load_from_cache(repo_id, name, cache_dir=root, revision=revision)
            for name in names
        ]
        if found and all(isinstance(path, str) for path in found):
            snapshot = Path(str(found[0])).parents[len(Path(names[0]).parts) - 1]
            if root is not None:
                os.utime(snapshot)
            return snapshot
    return None


@contextmanager
def in_use(snapshot: Path) -> Iterator[None]:
    """No process of this node removes the snapshot inside the `with`."""
    if snapshot.parents[2].name != CACHE_NAME:  # the user's own, which nobody here removes
        yield
        return
    with _locked(_lock_of(snapshot), fcntl.LOCK_SH):
        yield


def make_room(root: Path, needed: int, limit: int, what: str) -> None:
    """Remove least recently used revisions until `needed` more bytes fit.

    Raises:
        CheckpointError: they cannot fit.
    """
    from huggingface_hub import scan_cache_dir

    if needed > limit:
        raise CheckpointError(
            f"{what}: its weights cannot be streamed and need {needed / 1e9:.1f} GB of cache, "
            f"where {limit / 1e9:.1f} GB are allowed; raise --cache-size"
        )
    if not needed or not root.is_dir():
        return
    info = scan_cache_dir(root)
    used = info.size_on_disk
    revisions = [revision for repo in info.repos for revision in repo.revisions]
    for revision in sorted(revisions, key=lambda r: r.snapshot_path.stat().st_mtime):
        if used + needed <= limit:
            return
        lock = _lock_of(revision.snapshot_path)
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            strategy = info.delete_revisions(revision.commit_hash)
            used -= strategy.expected_freed_size
            strategy.execute()
    if used + needed > limit:
        raise CheckpointError(
            f"{what}: no room for {needed / 1e9:.1f} GB: all of the {limit / 1e9:.1f} GB cache is "
            "being read; raise --cache-size"
        )


def _fetch(access: HubAccess, repo_id: str, revision: str, name: str) -> str:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    download = partial(
        hf_hub_download,
        repo_id,
        name,
        revision=revision,
        cache_dir=cache_dir(access),
        endpoint=access.endpoint,
        token=access.token or False,
        library_name="zoo-analysis",
    )
    return str(patiently(download, access.first_wait))


def _missing(
    access: HubAccess, repo_id: str, revision: str, names: Sequence[str]
) -> dict[str, int]:
    """The sizes of the files that are not in the cache yet."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    sizes = {}
    for name in names:
        have = try_to_load_from_cache(repo_id, name, cache_dir=cache_dir(access), revision=revision)
        if isinstance(have, str):
            continue
        url = hf_hub_url(repo_id, name, revision=revision, endpoint=access.endpoint)
        ask = partial(get_hf_file_metadata, url, token=access.token or False)
        about = patiently(ask, access.first_wait)
        sizes[name] = about.size or 0
    return sizes


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


def _lock_of(snapshot: Path) -> Path:
    """Beside the repository's folder, which may be removed."""
    root, repository = snapshot.parents[2], snapshot.parents[1].name
    return _locks(root) / f"{repository}-{snapshot.name}"


def _locks(root: Path) -> Path:
    """A folder that huggingface_hub passes over when it looks at a cache."""
    folder = root / ".locks" / "zoo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
