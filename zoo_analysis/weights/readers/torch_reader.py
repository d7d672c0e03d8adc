"""The reader of torch's state dicts, which never runs what a pickle asks to run."""

import ctypes
import mmap
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.readers.envelope import left_aside, unwrap
from zoo_analysis.weights.readers.reader import Reader
from zoo_analysis.weights.spec import Omission

if TYPE_CHECKING:
    import torch

#: Bytes read through one mapping of a file before it is mapped anew, which lets its pages go.
_REMAP_AFTER: Final = 64 * 2**20


class TorchCheckpoint(Checkpoint):
    """Tensors of one or many files written by ``torch.save``.

    Files in the zip format are memory-mapped, and mapped anew after every 64 MiB read so that the
    resident set does not grow to the size of the file. Files older than torch 1.6 are one pickle
    that cannot be mapped: they are in memory while the checkpoint is open.

    Args:
        path: what was asked for, for errors.
        files: the shards.

    Raises:
        CheckpointError: a malformed or unsafe file, a TorchScript archive, no tensors.
    """

    format = "torch"
    ordered = True

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        self.path = path
        self._files = files
        self._mapped = [_is_zip(file) for file in files]
        contents = [_load(file) for file in files]
        self._loaded = [tensors for tensors, _ in contents]
        self.resources.callback(self._loaded.clear)
        self._touched = [0] * len(files)
        self._shard: dict[str, int] = {}
        self.tensors = tensors = {}
        aside: list[tuple[TensorInfo, Omission]] = []
        for number, shard in enumerate(self._loaded):
            storages: dict[int, int] = {}
            for name, tensor in shard.items():
                if name in tensors:
                    raise CheckpointError(f"{path}: two shards hold the tensor {name}")
                self._shard[name] = number
                tensors[name] = _info(name, tensor, number, storages)
            aside += [
                (_info(name, tensor, number, storages), why)
                for name, tensor, why in contents[number][1]
            ]
        self.aside = aside

    def read(self, name: str) -> "torch.Tensor":
        """See `Checkpoint.read`."""
        return self._fetch(self.info(name), self.info(name).nbytes)

    def read_rows(self, name: str, start: int, stop: int) -> "torch.Tensor":
        """See `Checkpoint.read_rows`."""
        info = self.rows_of(name, start, stop)
        rows = max(info.shape[0], 1)
        return self._fetch(info, info.nbytes * (stop - start) // rows)[start:stop]

    @property
    def nbytes(self) -> int:
        """See `Checkpoint.nbytes`."""
        return sum(file.stat().st_size for file in self._files)

    def release(self) -> None:
        """See `Checkpoint.release`."""
        _drop_pages(file for file, mapped in zip(self._files, self._mapped, strict=True) if mapped)

    def _fetch(self, info: TensorInfo, nbytes: int) -> "torch.Tensor":
        if not self._loaded:
            raise CheckpointError(f"{self.path}: has been closed")
        number = self._shard[info.name]
        if self._mapped[number] and self._touched[number] > _REMAP_AFTER:
            self._loaded[number], _ = _load(self._files[number])
            self._touched[number] = 0
        self._touched[number] += nbytes
        tensor = self._loaded[number].get(info.name)
        if tensor is None or tuple(tensor.shape) != info.shape:
            raise CheckpointError(f"{self._files[number]}: changed while it was being read")
        return tensor


def _drop_pages(files: Iterable[Path]) -> None:
    """Let the pages of privately mapped files go; torch keeps the mappings to itself."""
    names = tuple(f" {file.resolve()}" for file in files)
    libc = ctypes.CDLL(None)
    with Path("/proc/self/maps").open() as maps:
        for line in maps:
            if line.rstrip("\n").endswith(names):
                start, stop = (int(end, 16) for end in line.split(" ", 1)[0].split("-"))
                size = ctypes.c_size_t(stop - start)
                libc.madvise(ctypes.c_void_p(start), size, mmap.MADV_DONTNEED)


def _info(name: str, tensor: "torch.Tensor", number: int, storages: dict[int, int]) -> TensorInfo:
    import torch

    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout != torch.strided:
        nbytes = tensor.numel() * tensor.element_size()
        return TensorInfo(name, tuple(tensor.shape), dtype, nbytes, (number, -1, id(tensor)))
    storage = storages.setdefault(tensor.untyped_storage().data_ptr(), len(storages))
    place: tuple[int, ...] = (number, storage, int(tensor.storage_offset()) * tensor.element_size())
    place += tuple(int(step) for step in tensor.stride())
    return TensorInfo(name, tuple(tensor.shape), dtype, tensor.nbytes, place)


def _is_zip(file: Path) -> bool:
    try:
        return zipfile.is_zipfile(file)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be opened: {error.strerror}") from None


def _load(
    file: Path,
) -> tuple[dict[str, "torch.Tensor"], list[tuple[str, "torch.Tensor", Omission]]]:
    """(the tensors of the model, what else there is)."""
    mapped = _is_zip(file)
    if mapped and _is_torchscript(file):
        raise CheckpointError(
            f"{file}: a TorchScript archive holds code and is not read; save its state_dict instead"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = _torch_load(file, mapped)
    model = {name: tensor for name, tensor in unwrap(loaded).items() if _plain(tensor)}
    if not model:
        raise CheckpointError(
            f"{file}: no weights: a {type(loaded).__name__} without named tensors"
        )
    tensors = {name: tensor.detach() for name, tensor in model.items()}
    return tensors, left_aside(loaded, model.values())


def _plain(tensor: "torch.Tensor") -> bool:
    import torch

    return not tensor.is_quantized and type(tensor) in (torch.Tensor, torch.nn.Parameter)


def _torch_load(file: Path, mapped: bool) -> Any:
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped or None)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{file}: {_refusal(str(error))}") from None
    except Exception as error:  # torch raises whatever a malformed pickle or archive leads to
        first = str(error).strip().split("\n")[0]
        raise CheckpointError(
            f"{file}: not a readable torch checkpoint: {type(error).__name__}: {first[:200]}"
        ) from None


def _refusal(message: str) -> str:
    """torch's advice runs over a page and suggests to run the code: keep only what was refused."""
    if found := re.search(r"GLOBAL ([\w.]+)|(?:global|type|function) `?([\w.]+\.[\w.]+)", message):
        refused = found.group(1) or found.group(2)
        return f"unsafe pickle, not read: it asks for {refused}; save tensors only, or safetensors"
    detail = message.split("WeightsUnpickler error:")[-1].strip().split("\n")[0]
    return f"malformed or unsafe pickle, not read: {detail[:200]}"


def _is_torchscript(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise CheckpointError(f"{file}: not a readable archive: {error}") from None


READER = Reader(
    TorchCheckpoint.format,
    (".bin", ".pt", ".pth", ".th", ".ckpt", ".pth.tar"),
    TorchCheckpoint,
    named=(".tar", ".jit"),  # TorchScript, which is refused as such
)
