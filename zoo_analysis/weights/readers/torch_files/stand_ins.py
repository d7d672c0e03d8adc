"""Stand-ins for what a pickle makes: they know sizes, and own no memory."""

from dataclasses import dataclass, field
from typing import Any, Final

#: Bytes, over those of the file, that texts and small containers may take together.
_SPARE: Final = 256 * 2**20


class Unsafe(Exception):
    """A pickle that asks for what no state dict needs."""


class Opaque:
    """Something small of which nothing need be known."""

    def __len__(self) -> int:
        return 64


OPAQUE: Final = Opaque()


class Table:
    """A dictionary, of which the number of items is known."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __len__(self) -> int:
        return self.count


class Storage:
    """A storage: how many elements it has."""

    __slots__ = ("numel",)

    def __init__(self, numel: int) -> None:
        self.numel = numel


class Tensor:
    """A tensor: how many elements it says it has."""

    __slots__ = ("numel",)

    def __init__(self, numel: int) -> None:
        self.numel = numel


@dataclass
class Steps:
    """Account of what a pickle has asked for so far.

    Attributes:
        available: bytes that its storages may have together.
        storages: bytes of each, by key.
        spent: bytes of texts and containers that were copied.
    """

    available: int
    storages: dict[Any, int] = field(default_factory=dict)
    spent: int = 0

    def spend(self, nbytes: int) -> None:
        """Count memory that is no storage's.

        Raises:
            Unsafe: it has become too much.
        """
        self.spent += nbytes
        if self.spent > _SPARE:
            raise Unsafe(f"it asks for more than {_SPARE >> 20} MiB beside its tensors")
