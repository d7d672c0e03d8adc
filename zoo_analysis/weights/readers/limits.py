"""Bounds of what a file may say of its tensors, whatever its format."""

from collections.abc import Sequence
from typing import Final

from zoo_analysis.errors import CheckpointError

#: Tensors of a model. The largest have three hundred thousand; half a million take 0.8 GB.
MAX_TENSORS: Final = 500_000
#: Axes of a tensor; NumPy and torch have no more.
MAX_AXES: Final = 64
#: Characters of a tensor's name. Those of real models have up to two hundred.
MAX_NAME: Final = 1024
#: Length of an axis; a tensor without elements can say any, and tables keep no more.
_LONGEST: Final = 1 << 62


def refuse_excess(name: str, shape: Sequence[int], where: str) -> None:
    """Refuse a tensor that no file can have.

    Args:
        name: of the tensor.
        shape: of whole numbers.
        where: the file, for errors.

    Raises:
        CheckpointError: a name that is too long or no text, too many axes, or one that is
            too long.
    """
    if len(name) > MAX_NAME:
        raise CheckpointError(
            f"{where}: a tensor's name has {len(name)} characters, more than {MAX_NAME}: "
            f"{name[:60]!r}…"
        )
    if "\0" in name or not (name.isascii() or _is_text(name)):
        raise CheckpointError(f"{where}: the tensor {ascii(name)[:100]} has a name that is no text")
    if len(shape) > MAX_AXES:
        raise CheckpointError(f"{where}: {name} has {len(shape)} axes, more than {MAX_AXES}")
    if not all(0 <= axis <= _LONGEST for axis in shape):
        raise CheckpointError(f"{where}: {name} has a shape that no file holds")


def _is_text(name: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in name)  # halves of surrogate pairs


def refuse_many(count: int, where: str) -> None:
    """Refuse a file of more tensors than `MAX_TENSORS`.

    Args:
        count: of its tensors.
        where: the file, for errors.

    Raises:
        CheckpointError: it has more.
    """
    if count > MAX_TENSORS:
        raise CheckpointError(
            f"{where}: says that it holds {count} tensors, more than {MAX_TENSORS}"
        )
