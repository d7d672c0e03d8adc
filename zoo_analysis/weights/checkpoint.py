"""Stored tensors of a model, as every reader of checkpoints offers them: one at a time."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import read_regular
from zoo_analysis.texts import storable
from zoo_analysis.weights.spec import LayerSpec, Omission, TensorKind

if TYPE_CHECKING:
    import torch


#: Axes of a tensor, as numpy and torch allow them.
MOST_AXES: Final = 64
#: Elements of a tensor: ten times those of the largest models, and sums of many fit into 64 bits.
MOST_ELEMENTS: Final = 2**45
#: Characters of a tensor's name; longer ones are left out, for patterns take the square of it.
LONGEST_NAME: Final = 500


@dataclass(frozen=True)
class TensorInfo:
    """Name, shape, type and place of one stored tensor, as the header gives them.

    Attributes:
        name: as stored, after the envelope is taken off.
        shape: as stored, the outputs first where the format has an order of its own.
        dtype: torch's name without ``torch.`` of the type in which it is read (``bfloat16``,
            ``float8_e4m3fn``).
        nbytes: bytes of the tensor in its stored type.
        storage: where its bytes lie (file or storage number, byte offset, strides): tensors with
            the same identity and shape are one tensor under two names.
        coded: the scheme in which the file codes its values (``q4_k``), which the reader decodes;
            None for numbers of the type `dtype`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    storage: tuple[int, ...]
    coded: str | None = None

    def __post_init__(self) -> None:
        elements = math.prod(self.shape)
        if len(self.shape) > MOST_AXES or max(elements, *self.shape, 0) > MOST_ELEMENTS:
            raise CheckpointError(
                f"{storable(self.name)} claims {len(self.shape)} axes, or more than "
                f"{MOST_ELEMENTS} elements or entries of an axis: no tensor is as large"
            )


class Checkpoint(ABC):
    """A model's stored tensors. Opening reads headers only, and tensors are read one at a time.

    Attributes:
        path: the file or directory that was opened, or its ``hf://`` path.
        format: the name of the format of its files (``safetensors``, ``torch``).
        tensors: every stored tensor by name, in the order of the file.
        ordered: whether that order is the order of definition; safetensors files are sorted.
        kinds: what the file itself says its tensors are, None for one that is no matrix; empty
            for formats of names and numbers alone, where names and shapes decide.
        reasons: what the file itself says of tensors that are no matrices, where it says more.
        aside: tensors of its files that are not the model's, each with the reason; they cannot be
            read.
    """

    path: Path | str
    format: str
    ordered: bool
    tensors: Mapping[str, TensorInfo]
    kinds: Mapping[str, TensorKind | None] = MappingProxyType({})
    reasons: Mapping[str, Omission] = MappingProxyType({})
    aside: Sequence[tuple[TensorInfo, Omission]] = ()

    @abstractmethod
    def read(self, name: str) -> "torch.Tensor":
        """The tensor `name` in its stored type and shape, on the CPU, mapped rather than copied.

        Its memory is given back when the last reference to it goes.

        Raises:
            CheckpointError: no such tensor, or its bytes cannot be read.
        """

    @abstractmethod
    def read_rows(self, name: str, start: int, stop: int) -> "torch.Tensor":
        """Rows ``[start, stop)`` of `name` along its first axis; nothing else is read.

        Raises:
            CheckpointError: no such tensor or rows, or their bytes cannot be read.
        """

    def release(self) -> None:  # noqa: B027 - nothing is mapped unless a reader says so
        """Let go of the memory of pages that were read; they are read again when touched.

        Tensors stay valid, as long as nobody has written into them.
        """

    def expect(self, specs: Iterable[LayerSpec]) -> None:  # noqa: B027 - a hint
        """Say which layers will be read, so that their bytes can be fetched in large requests."""

    def in_file_order(self, specs: Iterable[LayerSpec]) -> list[LayerSpec]:
        """The layers in the order of their bytes, in which they are read fastest."""
        return sorted(specs, key=lambda spec: (self.info(spec.tensors[0]).storage, spec.index or 0))

    def beside(self, name: str) -> str | None:
        """The text file `name` of the model, such as config.json; None if it has none."""
        path = Path(self.path)
        folder = path if path.is_dir() else path.parent
        try:
            raw = read_regular(folder / name, folder)
        except (FileNotFoundError, IsADirectoryError):
            return None
        except OSError as error:
            raise CheckpointError(f"{folder / name}: not readable: {error.strerror}") from None
        return raw.decode("utf-8-sig", errors="replace")

    @property
    def nbytes(self) -> int:
        """Bytes of the weight files, or of the tensors where there are no files."""
        return sum(info.nbytes for info in self.tensors.values())

    @cached_property
    def resources(self) -> ExitStack:
        """The open files, and whatever else the checkpoint holds until it is closed."""
        return ExitStack()

    @cached_property
    def remarks(self) -> dict[str, None]:
        """Remarks on what was passed over beside the weights, in the order in which it was read."""
        return {}

    def close(self) -> None:
        """Let go of the files; tensors that were read stay valid."""
        self.resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def with_short_names(self) -> "Checkpoint":
        """The same without the tensors of names longer than `LONGEST_NAME`, which are set aside."""
        long = [info for name, info in self.tensors.items() if len(name) > LONGEST_NAME]
        if not long:
            return self
        view = copy(self)
        view.tensors = {name: i for name, i in self.tensors.items() if len(name) <= LONGEST_NAME}
        view.aside = (*self.aside, *((info, "not-understood") for info in long))
        return view

    def info(self, name: str) -> TensorInfo:
        """The header's entry for `name`; CheckpointError if there is none."""
        try:
            return self.tensors[name]
        except KeyError:
            raise CheckpointError(f"{self.path}: no tensor called {name!r}") from None

    def rows_of(self, name: str, start: int, stop: int) -> TensorInfo:
        """The header's entry for `name`, when it has the rows ``[start, stop)``."""
        info = self.info(name)
        if not info.shape or not 0 <= start <= stop <= info.shape[0]:
            raise CheckpointError(
                f"{self.path}: {name} of shape {info.shape} has no rows [{start}, {stop})"
            )
        return info
