"""An open file of torch's whose archive and pickles have been checked."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import RegularFile
from zoo_analysis.weights.readers.torch_files.archives import read_archive
from zoo_analysis.weights.readers.torch_files.pickles import check_pickle

#: The first pickle of files that are older than torch 1.6.
_MAGIC = 0x1950A86A20F9469CFC6C


class TorchFile:
    """A file that ``torch.save`` wrote, open and checked, so that `torch.load` may have it.

    Attributes:
        path: of the file.
        mapped: it is a zip archive, of which torch maps the storages.
        size: in bytes.

    Raises:
        CheckpointError: not there, no regular file of the model, malformed, unsafe, TorchScript.
    """

    def __init__(self, path: Path, within: Path | None) -> None:
        self.path = path
        try:
            self._file = RegularFile(path, within)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be opened: {error.strerror}") from None
        self.size = self._file.size
        try:
            with self._file.opened() as file:
                self.mapped = self._checked(file)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def descriptor(self) -> Iterator[str]:
        """The path by which this process reaches the open file, whatever lies at `path` now."""
        with self._file.opened() as file:
            yield f"/proc/self/fd/{file.fileno()}"

    def close(self) -> None:
        """Close the file; what is mapped stays so."""
        self._file.close()

    def _checked(self, file: BufferedReader) -> bool:
        if archive := read_archive(file, self.path):
            if archive.torchscript:
                raise CheckpointError(
                    f"{self.path}: a TorchScript archive holds code and is not read; "
                    "save its state_dict instead"
                )
            check_pickle(archive.pickle, 0, self.size, str(self.path))
            return True
        if not self.size:
            raise CheckpointError(f"{self.path}: empty, not a torch checkpoint")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            self._check_old(data)
        return False

    def _check_old(self, data: mmap.mmap) -> None:
        """Five pickles, one behind the other, and then each storage's length and bytes."""
        where, at, made = str(self.path), 0, []
        for number in range(5):
            result, at, storages = check_pickle(data, at, self.size, where)
            if number == 0 and result != _MAGIC:
                raise CheckpointError(f"{where}: not a torch checkpoint: another pickle")
            made.append((result, storages))
        storages, keys = made[3][1], made[4][0]
        if not isinstance(keys, list) or any(type(key) not in (str, int) for key in keys):
            raise CheckpointError(f"{where}: malformed: it has no list of storages")
        needed = sum(storages.values()) + 8 * len(storages)
        if len(keys) != len(storages) or needed > self.size - at:
            raise CheckpointError(
                f"{where}: truncated: storages of {needed} bytes, where {self.size - at} follow"
            )
