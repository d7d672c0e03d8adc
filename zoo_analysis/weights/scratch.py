"""Room on disk for matrices that are too large to be converted in memory."""

import mmap
import os
import tempfile
import weakref
from contextlib import suppress
from math import prod
from typing import Final

import torch

#: Bytes of float32 from which on a matrix is not converted in memory.
LARGE: Final = 256 << 20

_mapped: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def scratch(shape: tuple[int, ...]) -> torch.Tensor:
    """An empty float32 tensor, mapped from a temporary file that goes with it.

    Its pages leave the memory of the process with `release_scratch` and come back when they are
    touched. Where there is no room on the disk (TMPDIR), the tensor is in memory.
    """
    with suppress(OSError), tempfile.TemporaryFile() as file:
        size = 4 * prod(shape)
        os.posix_fallocate(file.fileno(), 0, size)  # a page without room would kill the process
        mapped = mmap.mmap(file.fileno(), size)
        _mapped.add(mapped)
        return torch.frombuffer(mapped, dtype=torch.float32).reshape(shape)
    return torch.empty(shape, dtype=torch.float32)


def release_scratch() -> None:
    """Let the pages of all such tensors go."""
    for mapped in list(_mapped):
        mapped.madvise(mmap.MADV_DONTNEED)
