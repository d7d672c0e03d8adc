"""The reader of torch's state dicts, which never runs what a pickle asks to run."""

import ctypes
import mmap
import pickle
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import folder_of
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.quiet import unwarned
from zoo_analysis.weights.readers.limits import refuse_many
from zoo_analysis.weights.readers.reader import Reader
from zoo_analysis.weights.readers.torch_files.checked import TorchFile
from zoo_analysis.weights.readers.torch_files.envelope import left_aside, unwrap
from zoo_analysis.weights.readers.torch_files.overlaps import seen_elsewhere, views
from zoo_analysis.weights.spec import Omission

if TYPE_CHECKING:
    import torch

#: How many times over the tensors of one storage may show it, in different views: a matrix and its
#: transpose do twice.
_MOST_VIEWS: Final = 4
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
        self._files: list[TorchFile] = []
        contents: list[_Contents] = []
        for file in files:
            self._files.append(opened := TorchFile(file, folder_of(path)))
            self.resources.callback(opened.close)
            contents.append(_load(opened))
            refuse_many(sum(len(tensors) for tensors, _ in contents), str(path))
        self._mapped = [opened.mapped for opened in self._files]
        self._loaded = [tensors for tensors, _ in contents]
        self.resources.callback(self._loaded.clear)
        self._touched = [0] * len(files)
        self._shard: dict[str, int] = {}
        self.tensors = tensors = {}
        aside: list[tuple[TensorInfo, Omission]] = []
        for number, shard in enumerate(self._loaded):
            storages: dict[int, int] = {}
            shown = views(shard, self.remarks)
            for name, tensor in shard.items():
                if name in tensors:
                    raise CheckpointError(f"{path}: two shards hold the tensor {name}")
                info = _info(name, tensor, number, storages)
                if name in shown:
                    aside.append(seen_elsewhere(info, shown[name]))
                    continue
                self._shard[name] = number
                tensors[name] = info
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
        return sum(file.size for file in self._files)

    def release(self) -> None:
        """See `Checkpoint.release`."""
        _drop_pages(opened.path for opened in self._files if opened.mapped)

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
            raise CheckpointError(f"{self._files[number].path}: changed while it was being read")
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

    shape, nbytes = tuple(tensor.shape), tensor.numel() * tensor.element_size()
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout == torch.strided and tensor.device.type == "cpu":
        memory = tensor.untyped_storage()
        storage = storages.setdefault(memory.data_ptr(), len(storages))
        place: tuple[int, ...] = (
            number,
            storage,
            int(tensor.storage_offset()) * tensor.element_size(),
        )
        place += tuple(int(step) for step in tensor.stride())
        held = memory.nbytes()
    else:
        place = (number, -1, id(tensor))
        held = _values(tensor) * tensor.element_size()
    if nbytes > held:  # the books count what there is
        shape, nbytes = (held // tensor.element_size(),), held
    return TensorInfo(name, shape, dtype, nbytes, place)


def _values(tensor: "torch.Tensor") -> int:
    """Stored values of a tensor that is sparse, or has none."""
    import torch

    if tensor.layout == torch.sparse_coo:
        return tensor._values().numel()
    return tensor.values().numel() if tensor.layout in _compressed() else 0


def _compressed() -> tuple["torch.layout", ...]:
    import torch

    return (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


#: The tensors of the model, and what else there is.
_Contents = tuple[dict[str, "torch.Tensor"], list[tuple[str, "torch.Tensor", Omission]]]


def _load(opened: TorchFile) -> _Contents:
    file = opened.path
    with unwarned():
        loaded = _torch_load(opened)
    try:
        named = {name: tensor for name, tensor in unwrap(loaded).items() if _plain(tensor)}
        model = _held(named)
        aside = left_aside(loaded, model.values())
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from None
    if not model:
        what = f"a {type(loaded).__name__} without named tensors"
        what = "tensors that claim more than their storage holds" if named else what
        raise CheckpointError(f"{file}: no weights: {what}")
    tensors = {name: tensor.detach() for name, tensor in model.items()}
    return tensors, aside


def _held(tensors: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
    """The tensors that show no more than their storage holds, each by itself and all together."""
    shown: dict[int, dict[tuple[object, ...], int]] = defaultdict(dict)
    held: dict[str, torch.Tensor] = {}
    total: dict[int, int] = defaultdict(int)
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        view = (tensor.storage_offset(), tensor.shape, tensor.stride())
        if tensor.nbytes > storage.nbytes():
            continue
        if view not in shown[place := storage.data_ptr()]:
            if total[place] + tensor.nbytes > _MOST_VIEWS * storage.nbytes():
                continue
            shown[place][view] = tensor.nbytes
            total[place] += tensor.nbytes
        held[name] = tensor
    return held


def _plain(tensor: "torch.Tensor") -> bool:
    import torch

    known = type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.device.type == "cpu"
    return known and not tensor.is_quantized


def _torch_load(opened: TorchFile) -> Any:
    import torch

    file, options = opened.path, {"mmap": True} if opened.mapped else {}
    try:
        # Through the descriptor: torch is to read the file that was checked.
        with opened.descriptor() as path:
            return torch.load(path, map_location="cpu", weights_only=True, **options)
    except CheckpointError:
        raise
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


READER = Reader(
    TorchCheckpoint.format,
    (".bin", ".pt", ".pth", ".th", ".ckpt", ".pth.tar"),
    TorchCheckpoint,
    named=(".tar", ".jit"),  # TorchScript, which is refused as such
)
