"""A cache of what measures prepare of layers, from pair to pair."""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch

#: Bytes that a worker keeps for the next pair: a quarter of a core's share of the node's memory.
_KEPT = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (4 * (os.cpu_count() or 1))


@dataclass
class PreparedCache:
    """Prepared arrays, those used last, as many as fit.

    A layer is prepared once, and not once for each layer of each model that it is compared with.
    """

    limit: int = _KEPT
    size: int = 0
    arrays: OrderedDict[Hashable, tuple[Any, int]] = field(default_factory=OrderedDict)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The object under this key, made now if it is not there.

        Args:
            key: of all that decides the object.
            make: makes it.
        """
        if key in self.arrays:
            self.arrays.move_to_end(key)
            return self.arrays[key][0]
        made = make()
        self.arrays[key] = made, _nbytes(made)
        self.size += self.arrays[key][1]
        while self.size > self.limit and len(self.arrays) > 1:
            _, (_, freed) = self.arrays.popitem(last=False)
            self.size -= freed
        return made


def _nbytes(prepared: Any) -> int:
    """Bytes held by the arrays of a prepared object."""
    if is_dataclass(prepared):
        return sum(_nbytes(getattr(prepared, part.name)) for part in fields(prepared))
    if isinstance(prepared, tuple | list):
        return sum(map(_nbytes, prepared))
    return prepared.nbytes if isinstance(prepared, torch.Tensor | np.ndarray) else 0
