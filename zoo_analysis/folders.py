"""Folders: package data, the user's cache and settings, and a model's, with its regular files."""

import errno
import os
import re
import shutil
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path, user_config_path

from zoo_analysis.errors import CheckpointError

#: Bytes of a configuration or a card: a larger one is none.
MAX_TEXT: Final = 16 * 2**20
#: Bytes of an index of shards, or of a tokenizer; the largest have thirty million.
MAX_INDEX: Final = 64 * 2**20

#: Files of models that stay open in a process, which may often have no more than 1,024.
_KEPT: Final = 256
_kept: Final = weakref.WeakSet["RegularFile"]()

_PACKAGE = Path(__file__).resolve().parent
#: Of a hub cache: the files of a commit are links to the blobs of the same repository.
_SNAPSHOT: Final = re.compile(r"(?P<repository>.*/models--[^/]+)/snapshots/[^/]+(/.*)?")


def data_dir(name: str) -> Path:
    """The folder of package data called `name` (``"catalog"`` or ``"queries"``)."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def user_cache() -> Path:
    """The folder of what is kept between runs: ``zoo-analysis`` in the user's cache directory."""
    return user_cache_path("zoo-analysis", appauthor=False)


def study_cache() -> Path:
    """The folder of what studies keep: networks that they train, tables that they fetch."""
    return user_cache() / "studies"


def user_settings() -> Path:
    """The folder of what the user has set: ``zoo`` among the settings of programs."""
    return user_config_path("zoo", appauthor=False, roaming=True)


def folder_of(path: Path) -> Path | None:
    """The folder that the files of a model do not leave; None for a model that is a file.

    Args:
        path: of the model.
    """
    return path if path.is_dir() else None


def file_names(folder: Path) -> list[str]:
    """Names of a folder's files, and of links in it that lead to files."""
    with os.scandir(folder) as entries:
        return [
            entry.name
            for entry in entries
            if entry.is_file(follow_symlinks=False)
            or (entry.is_symlink() and os.path.isfile(entry))
        ]


def open_regular(path: Path, within: Path | None = None) -> BufferedReader:
    """A regular file of a model, opened for reading.

    FIFOs, sockets and devices are refused, which could block or never end, and so are links that
    lead out of the model's folder; but for those of a hub cache, to blobs of the same repository.

    Args:
        path: of the file.
        within: the model's folder, which may itself be reached by a link; None where the file is
            the model, so that a link to it is the user's own.

    Raises:
        CheckpointError: no regular file, or one outside of the folder.
        OSError: it is not there, is a folder, or may not be read.
    """
    real, is_link = os.fspath(path), stat.S_ISLNK(os.lstat(path).st_mode)
    if is_link or within not in (None, path.parent):
        real = os.path.realpath(path)
        if within is not None and not _holds(os.path.realpath(within), real):
            raise CheckpointError(
                f"{path}: a link out of the model's folder; put the file itself there"
            )
    if stat.S_ISDIR(mode := os.stat(real).st_mode):
        raise IsADirectoryError(f"{path} is a folder")
    descriptor = -1
    try:
        if stat.S_ISREG(mode):  # opening a device can have effects already
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(real, flags)
        # What was opened counts, not what lay there a moment ago.
        if descriptor < 0 or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CheckpointError(f"{path}: a FIFO, socket or device, and no regular file")
        opened, descriptor = os.fdopen(descriptor, "rb"), -1
        return opened
    finally:
        if descriptor >= 0:
            os.close(descriptor)


class RegularFile:
    """A regular file of a model: open, or where many are, opened anew at each use.

    So a checkpoint of a thousand shards takes no more descriptors than a process has.

    Args:
        path: see `open_regular`.
        within: see `open_regular`.

    Attributes:
        size: in bytes.

    Raises:
        CheckpointError: as for `open_regular`.
        OSError: as for `open_regular`.
    """

    def __init__(self, path: Path, within: Path | None = None) -> None:
        self._path, self._within, self._closed = path, within, False
        file = open_regular(path, within)
        about = os.fstat(file.fileno())
        self.size, self._identity = about.st_size, (about.st_dev, about.st_ino)
        self._file: BufferedReader | None = None
        if len(_kept) < _KEPT:
            self._file = file
            _kept.add(self)
        else:
            file.close()

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        """The file for the length of the `with`: the one that was opened first, or an error.

        Raises:
            CheckpointError: another one lies there now.
            OSError: it is not there any more.
            ValueError: it has been closed.
        """
        if self._closed:
            raise ValueError("has been closed")
        if self._file is not None:
            yield self._file
            return
        with open_regular(self._path, self._within) as file:
            about = os.fstat(file.fileno())
            if (about.st_dev, about.st_ino) != self._identity:
                raise CheckpointError(f"{self._path}: changed while it was being read")
            yield file

    def close(self) -> None:
        """Close the file; what is mapped stays so."""
        self._closed = True
        _kept.discard(self)
        if self._file is not None:
            self._file.close()


def read_regular(path: Path, within: Path | None = None, most: int = MAX_TEXT) -> bytes:
    """The content of a small regular file of a model.

    Args:
        path: see `open_regular`.
        within: see `open_regular`.
        most: bytes that it may have.

    Raises:
        CheckpointError: as for `open_regular`, or a larger file.
        OSError: as for `open_regular`.
    """
    with open_regular(path, within) as file:
        if os.fstat(file.fileno()).st_size > most or len(content := file.read(most + 1)) > most:
            raise CheckpointError(f"{path}: has more than the {most >> 20} MiB of such a file")
        return content


def _holds(folder: str, real: str) -> bool:
    folders = [folder]
    if found := _SNAPSHOT.fullmatch(folder):
        folders.append(f"{found['repository']}/blobs")
    return any(os.path.commonpath((real, each)) == each for each in folders)


def check_room(path: Path, nbytes: int) -> None:
    """Refuse to begin what may not fit: half a file is of no use, and the end of a run needs room.

    Raises:
        OSError: nothing may be written in a folder, which need not be there yet, or fewer bytes are
            free on its disk.
    """
    there = next(each for each in (path, *path.parents) if each.exists())
    number = 0
    if not os.access(there, os.W_OK):
        read_only = os.statvfs(there).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
    elif shutil.disk_usage(there).free < nbytes:
        number = errno.ENOSPC
    if number:
        raise OSError(number, os.strerror(number))
