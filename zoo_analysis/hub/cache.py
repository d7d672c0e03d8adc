"""The disk space of one node for weights that cannot be streamed: its limit, and claims to it.

Whoever reads a revision, or downloads so many bytes of one, lays a claim: a file of its own, locked
as long as it wants it. The system unlocks the files of a process that dies, so that no claim
outlives its owner, on whatever thread or in whatever order claims are given up. One lock of the
whole cache is held while room is made and claims are laid, never while bytes come in.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from filelock import FileLock, Timeout

from zoo_analysis.errors import CheckpointError
from zoo_analysis.texts import size_in_words

#: Seconds until room that downloads may have left is looked for again.
_AGAIN: Final = 0.1
#: Before the number of bytes, in claims of what is still to come.
_TO_COME: Final = "to-come-"


@contextmanager
def in_use(snapshot: Path) -> Iterator[None]:
    """No process of this node removes a revision inside the `with`.

    Args:
        snapshot: its folder ``CACHE/ENDPOINT/REPOSITORY/snapshots/COMMIT``, which need not be there
            yet.
    """
    root = snapshot.parents[3]
    with ExitStack() as stack:
        with _deciding(root):
            stack.enter_context(_claim(root, _name(snapshot)))
        yield


@contextmanager
def reserved(snapshot: Path, needed: int, limit: int, what: str) -> Iterator[None]:
    """Room for a download inside the `with`; idle revisions go for it, the longest unused first.

    Waits for other downloads where the room depends on them. What they have fetched counts twice
    until they are done: the limit is kept, if not always filled.

    Args:
        snapshot: folder of the revision, as for `in_use`.
        needed: bytes to come.
        limit: bytes of the whole cache.
        what: is downloaded, for errors.

    Raises:
        CheckpointError: more than the limit, or all that is there is in use.
    """
    if needed > limit:
        raise CheckpointError(
            f"{what}: its weights cannot be streamed and need {size_in_words(needed)} of cache, "
            f"where {size_in_words(limit)} are allowed; raise `cache_size`"
        )
    root = snapshot.parents[3]
    with ExitStack() as stack:
        while needed:
            with _deciding(root):
                claims = _claims(root)
                to_come = sum(
                    int(c.removeprefix(_TO_COME)) for c in claims if c.startswith(_TO_COME)
                )
                if _make_room(root, needed + to_come, limit, claims):
                    # Once it is there, nobody who removes the repository's last other revision
                    # takes the whole of its folder away.
                    snapshot.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(_claim(root, f"{_TO_COME}{needed}"))
                    break
            if not to_come:
                raise CheckpointError(
                    f"{what}: no room for {size_in_words(needed)}: all of the cache of "
                    f"{size_in_words(limit)} is being read; raise `cache_size`"
                )
            time.sleep(_AGAIN)
        yield


def one_download(snapshot: Path) -> FileLock:
    """A lock of a revision: who comes second finds the files that the first has fetched."""
    return FileLock(_locks(snapshot.parents[3]) / _name(snapshot))


def _make_room(root: Path, needed: int, limit: int, claims: list[str]) -> bool:
    """True where so many bytes fit; nothing is removed unless they will."""
    from huggingface_hub import scan_cache_dir

    for part in root.glob("*/*/blobs/*.incomplete"):  # which the scan of a cache does not count
        repository = _repository(part.parents[1])
        if not any(claim.startswith(f"{repository}@") for claim in claims):  # its process died
            part.unlink(missing_ok=True)
    # Before 0.1.0 repositories lay in the root itself, whatever endpoint they were of.
    parts = [scan_cache_dir(part) for part in (root, *root.glob("[!.]*")) if part.is_dir()]
    idle = [
        (revision.snapshot_path.stat().st_mtime, number, revision.commit_hash)
        for number, info in enumerate(parts)
        for repo in info.repos
        for revision in repo.revisions
        if _name(revision.snapshot_path) not in claims
    ]
    idle.sort(reverse=True)
    going: list[list[str]] = [[] for _ in parts]
    removals = [info.delete_revisions() for info in parts]
    size = sum(info.size_on_disk for info in parts)
    while size - sum(removal.expected_freed_size for removal in removals) + needed > limit:
        if not idle:
            return False
        _, number, commit = idle.pop()
        going[number].append(commit)
        removals[number] = parts[number].delete_revisions(*going[number])
    for removal in removals:
        removal.execute()
    return True


def _deciding(root: Path) -> FileLock:
    return FileLock(_locks(root) / "room")


@contextmanager
def _claim(root: Path, what: str) -> Iterator[None]:
    path = _locks(root) / "claims" / f"{what}@{uuid4().hex}"
    with FileLock(path, thread_local=False):  # a checkpoint may be closed by another thread
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _claims(root: Path) -> list[str]:
    """Claims of the living; those of the dead are cleared away."""
    found = []
    for path in (_locks(root) / "claims").iterdir():
        try:
            with FileLock(path, blocking=False):
                path.unlink(missing_ok=True)
        except Timeout:
            found.append(path.name.rpartition("@")[0])
    return found


def _repository(folder: Path) -> str:
    return f"{folder.parent.name}+{folder.name}"


def _name(snapshot: Path) -> str:
    return f"{_repository(snapshot.parents[1])}@{snapshot.name}"


def _locks(root: Path) -> Path:
    """A folder that huggingface_hub passes over when it looks at a cache."""
    folder = root / ".locks" / "zoo"
    (folder / "claims").mkdir(parents=True, exist_ok=True)
    return folder
