"""Models as a replay sees them: shapes of kernels and bytes, no weights."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: (groups, out / groups, in / groups) of a kernel, and its further sides.
Kernel = tuple[int, int, int, tuple[int, ...]]


@dataclass(frozen=True)
class ZooModel:
    """A model of a replay.

    Attributes:
        name: of its architecture.
        nbytes: of its weights.
        kernels: how many there are of each shape.
        copies: models of these shapes in the zoo.
    """

    name: str
    nbytes: int
    kernels: Mapping[Kernel, int]
    copies: int = 1

    @property
    def layers(self) -> int:
        """Matrices of one copy."""
        return sum(self.kernels.values())


def dense(name: str, sides: Iterable[tuple[int, int]], width: int, copies: int = 1) -> ZooModel:
    """A model of plain matrices.

    Args:
        name: of it.
        sides: of its matrices.
        width: bytes of a weight.
        copies: models of these shapes in the zoo.
    """
    kernels: Counter[Kernel] = Counter((1, rows, cols, ()) for rows, cols in sides)
    parameters = sum(count * rows * cols for (_, rows, cols, _), count in kernels.items())
    return ZooModel(name, width * parameters, kernels, copies)
