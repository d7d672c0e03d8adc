"""Small files beside the tables, each written whole, on disk or in an object store."""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from deltalake.exceptions import DeltaError

from zoo_analysis.errors import StoreError
from zoo_analysis.store.tables import Location
from zoo_analysis.texts import one_line

#: A file under this name is still being written.
_HALF: Final = ".half"
_ERRORS: Final = (DeltaError, OSError, ValueError)


@dataclass(frozen=True)
class SmallFile:
    """A file's name, and when it was written: seconds, by the clock that dates all of them."""

    name: str
    written: float


@dataclass(frozen=True)
class SmallFiles:
    """A folder of small files in a store. A reader sees a file as it was written last, or none.

    Attributes:
        location: of the store.
        folder: its name beside the tables.
    """

    location: Location
    folder: str

    def put(self, name: str, content: bytes) -> None:
        """Write a file, in the place of the one that has this name.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            if self._path is None:
                stream = self._files.open_output_stream(name)
                stream.write(content)
                stream.close()
                return
            self._path.mkdir(parents=True, exist_ok=True)
            half = self._path / f"{name}.{secrets.token_hex(4)}{_HALF}"
            try:
                half.write_bytes(content)
                os.replace(half, self._path / name)
            finally:
                half.unlink(missing_ok=True)
        except _ERRORS as error:
            raise StoreError(
                f"cannot write {self.folder} of {self.location.uri}: {_reason(error)}"
            ) from error

    def get(self, name: str) -> bytes | None:
        """A file's content; None where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            if self._path is not None:
                return (self._path / name).read_bytes()
            return bytes(self._files.open_input_file(name).read())
        except FileNotFoundError:
            return None
        except _ERRORS as error:
            raise StoreError(
                f"cannot read {self.folder} of {self.location.uri}: {_reason(error)}"
            ) from error

    def delete(self, name: str) -> None:
        """Remove a file, where it is there and may be removed."""
        try:
            if self._path is not None:
                (self._path / name).unlink(missing_ok=True)
            else:
                self._files.delete_file(name)
        except _ERRORS:
            return  # whoever reads it sees from its age that nobody needs it

    def list(self) -> list[SmallFile]:
        """The files that are there, by name.

        Raises:
            StoreError: they cannot be listed.
        """
        return [file for file in self._sorted() if not file.name.endswith(_HALF)]

    def halves(self) -> Sequence[SmallFile]:
        """Files that dead writers left before they were whole, and what is being written.

        Raises:
            StoreError: they cannot be listed.
        """
        return [file for file in self._sorted() if file.name.endswith(_HALF)]

    def _sorted(self) -> Sequence[SmallFile]:
        try:
            return sorted(self._listed(), key=lambda file: file.name)
        except _ERRORS as error:
            raise StoreError(
                f"cannot list {self.folder} of {self.location.uri}: {_reason(error)}"
            ) from error

    def now(self) -> float:
        """The time by the clock that dates the files; 0 where nothing can be written."""
        probe, name = SmallFiles(self.location, "clock"), secrets.token_hex(8)
        try:
            probe.put(name, b"")
            found = {file.name: file.written for file in probe.list()}
        except StoreError:
            return 0.0
        probe.delete(name)
        return found.get(name, 0.0)

    def _listed(self) -> Iterator[SmallFile]:
        if self._path is None:
            for info in self._files.get_file_info_selector("", allow_not_found=True):
                yield SmallFile(info.base_name, (info.mtime_ns or 0) / 1e9)
            return
        if not self._path.is_dir():
            return
        for entry in os.scandir(self._path):
            try:
                yield SmallFile(entry.name, entry.stat().st_mtime)
            except FileNotFoundError:
                continue  # removed meanwhile

    @property
    def _path(self) -> Path | None:
        path, uri = self.location.path, self.location.uri
        if path is None and uri.startswith("file://"):
            path = Path(uri.removeprefix("file://"))
        return None if path is None else path / self.folder

    @cached_property
    def _files(self) -> Any:
        # Without Arrow around it, which hands its own buffers to streams that take bytes only.
        from deltalake._internal import DeltaFileSystemHandler

        options = dict(self.location.storage_options) or None
        return DeltaFileSystemHandler(self.location.table_uri(self.folder), options)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or one_line(error)
