"""A repository of the hub at one commit: its files by range, and as copies on this node's disk."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import read_regular
from zoo_analysis.hub.access import CLIENT, HubAccess
from zoo_analysis.hub.cache import in_use, one_download, reserved
from zoo_analysis.hub.file import HubFile, RangeIgnored
from zoo_analysis.hub.kept import is_offline, kept_files
from zoo_analysis.hub.pages import pages
from zoo_analysis.hub.path import HubPath, expanded, is_index, leads_out, shard_names
from zoo_analysis.hub.refusals import explain
from zoo_analysis.hub.retry import patiently
from zoo_analysis.hub.traffic import TEXT_BYTES, TEXT_SECONDS, marked, seconds_for

#: Configurations, tokenizers and vocabularies, as the libraries look for them; never code.
_BESIDE: Final = re.compile(
    r"((pre)?processor_config|(adapter_)?config|tokenizer.*|special_tokens_map|added_tokens|vocab.*"
    r"|merges)\.(json|txt)|[^/]+\.(model|bpe)"
)


def describes_network(name: str) -> bool:
    """True for a file beside weights from which a network, its words or its images are made.

    Args:
        name: of the file, within the folder of the weights.
    """
    return _BESIDE.fullmatch(name) is not None


class NotDownloaded(CheckpointError):
    """Weights that would have to be downloaded, where that is not wanted; `size` in bytes."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


@dataclass(frozen=True)
class Repository:
    """A repository as one commit left it, so that nothing read of it ever changes.

    Attributes:
        access: how to reach the hub, and how much of it may be kept on disk.
        repo_id: ``OWNER/NAME``.
        revision: commit sha.
    """

    access: HubAccess
    repo_id: str
    revision: str

    def file(self, name: str) -> HubFile:
        """A file, to be read by byte range; nothing of it is read yet."""
        return HubFile(self.access, self.repo_id, self.revision, name)

    def names(self) -> list[str]:
        """The paths of all files; where the hub is not to be asked, of those in a cache.

        Raises:
            CheckpointError: missing, gated, or a hub that does not answer.
        """
        if is_offline():
            return kept_files(self.access, self.repo_id, self.revision)
        url = f"{self.access.endpoint}/api/models/{self.repo_id}/tree/{self.revision}"
        try:
            found = pages(url, {"recursive": True}, self.access, is_known=True)
            listed = [entry for page in found for entry in page]
        except Exception as error:
            raise self._refusal(error) from error
        return [
            path
            for entry in listed
            if isinstance(entry, dict) and entry.get("type") == "file"
            if isinstance(path := entry.get("path"), str) and not leads_out(path)
        ]

    def text(self, name: str) -> str | None:
        """The content of a small text file, from a cache if it is there; None if there is none.

        Raises:
            CheckpointError: gated, or a hub that does not answer.
        """
        from huggingface_hub.errors import EntryNotFoundError

        if folder := self.cached([name]):
            return _text(folder / name)
        try:
            return _decoded(self.file(name).whole())
        except RangeIgnored:
            with self.snapshot([name], most=TEXT_BYTES) as folder:
                return _text(folder / name)
        except CheckpointError as error:
            if isinstance(error.__cause__, EntryNotFoundError):
                return None
            raise

    def cached(self, names: Sequence[str]) -> Path | None:
        """The folder that holds all of these files already, the user's own or ours."""
        return self._in_own_cache(names) or self._in_cache(names, self.access.cache_dir)

    @contextmanager
    def snapshot(
        self, names: Sequence[str], optional: str = "", most: int | None = None
    ) -> Iterator[Path]:
        """A folder with these files, from which nobody removes them inside the `with`.

        It is in the user's own cache if they are all there and it is this endpoint's, else in the
        one that is kept below its limit, into which they are downloaded where they are missing.

        Args:
            names: paths in the repository.
            optional: downloaded with them, if there is such a file.
            most: bytes that each may have; None is the limit of the cache for all.

        Raises:
            CheckpointError: missing, gated, too large for the cache, or a hub that does not answer.
            NotDownloaded: `access` forbids it.
        """
        if own := self._in_own_cache(names):
            yield own
            return
        with in_use(self._snapshot):
            ours = self._in_cache(names, self.access.cache_dir)
            ours = ours or self._download(names, optional, most)
            os.utime(ours)  # when it was used last
            yield ours

    @contextmanager
    def network_files(self, weights: str) -> Iterator[Path]:
        """A `snapshot` with all that a network is built from: weights and what describes them.

        Args:
            weights: a file, the index of the shards, or an `expanded` name; what describes them
                lies in the same folder.

        Raises:
            CheckpointError: as for `snapshot`.
        """
        beside = Path(weights).with_name
        try:
            here = [name for name in self.names() if str(beside(Path(name).name)) == name]
            names = [name for name in here if describes_network(Path(name).name)]
        except CheckpointError:
            # The hub cannot be asked what there is; an earlier run may have left what is needed.
            names = [str(beside("config.json"))]
            if self.cached([*names, *expanded(weights)]) is None:
                raise
        names += expanded(weights)
        if is_index(weights):
            with self.snapshot([weights], most=TEXT_BYTES) as folder:
                index = _text(folder / weights)
            shards = shard_names(index, str(HubPath(self.repo_id, self.revision, weights)))
            names += [str(beside(name)) for name in shards]
        with self.snapshot(names) as folder:
            yield (folder / weights).parent

    @property
    def _snapshot(self) -> Path:
        from huggingface_hub.file_download import repo_folder_name

        folder = repo_folder_name(repo_id=self.repo_id, repo_type="model")
        return self.access.cache_dir / folder / "snapshots" / self.revision

    def _in_own_cache(self, names: Sequence[str]) -> Path | None:
        return self._in_cache(names, None) if self.access.owns_user_cache else None

    def _in_cache(self, names: Sequence[str], root: Path | None) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        found = [
            try_to_load_from_cache(self.repo_id, name, cache_dir=root, revision=self.revision)
            for name in names
        ]
        paths = [path for path in found if isinstance(path, str)]  # others are not there
        return _folder(paths[0], names[0]) if len(paths) == len(names) else None

    def _download(self, names: Sequence[str], optional: str, most: int | None) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.utils import disable_progress_bars

        def fetch(name: str, size: int | None, **options: Any) -> Any:
            # A size that is not said is that of a small file.
            limits = (TEXT_BYTES, TEXT_SECONDS) if size is None else (size, seconds_for(size))
            call: Callable[[], Any] = partial(
                hf_hub_download,
                self.repo_id,
                name,
                revision=self.revision,
                cache_dir=self.access.cache_dir,
                endpoint=self.access.endpoint,
                token=self.access.token or False,
                library_name=CLIENT,
                headers={"accept-encoding": "identity", **marked(self.access.endpoint, *limits)},
                **options,
            )
            # Its description was heard: a host that takes no connection will again.
            access = self.access
            found = patiently(call, access.endpoint, access.first_wait, is_known=True)
            commit = found.commit_hash if options else _folder(found, name).name
            if commit != self.revision:
                raise CheckpointError(f"{self.repo_id}: the hub answered with commit {commit}")
            return found

        disable_progress_bars()
        try:
            with one_download(self._snapshot):
                files = [fetch(name, None, dry_run=True) for name in names]
                largest = max(file.file_size or 0 for file in files)
                if most is not None and largest > most:
                    raise CheckpointError(
                        f"{self.repo_id}: {names[0]} has {largest} bytes, where at most {most} are "
                        "read of such a file"
                    )
                missing = [file.file_size or 0 for file in files if file.will_download]
                if missing and not self.access.download:
                    message = f"{self.repo_id}: must be downloaded to be read: layers unknown"
                    raise NotDownloaded(message, sum(missing))
                limit = self.access.cache_bytes
                with reserved(self._snapshot, sum(missing), limit, self.repo_id):
                    for name, file in zip(names, files, strict=True):
                        with self.access.gate():
                            path = fetch(name, file.file_size)
                    if optional:
                        with suppress(EntryNotFoundError):
                            fetch(optional, None)
                return _folder(path, name)
        except CheckpointError:
            raise
        except Exception as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> CheckpointError:
        return CheckpointError(explain(error, self.repo_id, self.access, self.revision))


def _folder(path: str, name: str) -> Path:
    """The folder of a revision, by the path of one of its files."""
    return Path(path).parents[len(Path(name).parts) - 1]


def _text(file: Path) -> str:
    return _decoded(read_regular(file, most=TEXT_BYTES))


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")
