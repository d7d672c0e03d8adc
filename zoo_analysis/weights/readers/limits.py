"""Bounds of what a file may say of its tensors, whatever its format."""

from collections.abc import Sequence
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import MOST_AXES

#: Tensors of a model. The largest have three hundred thousand; half a million take 0.8 GB.
MAX_TENSORS: Final = 500_000
#: Characters of a tensor's name that messages show.
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
        CheckpointError: too many axes, or one that is too long.
    """
    name = ascii(name)[1:-1][:MAX_NAME]
    if len(shape) > MOST_AXES:
        raise CheckpointError(f"{where}: {name} has {len(shape)} axes, more than {MOST_AXES}")
    if not all(0 <= axis <= _LONGEST for axis in shape):
        raise CheckpointError(f"{where}: {name} has a shape that no file holds")


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
