"""Tensors that show numbers of another one in the same memory: parts, transposes, overlaps."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import Omission

if TYPE_CHECKING:
    import numpy as np
    import torch

#: Exact comparisons in all, and the effort of each; files with more are not made by training.
_MOST_COMPARED, _MOST_WORK = 100_000, 10_000
#: Neighbours in memory that a tensor is compared with.
_MOST_NEAR: Final = 10_000

_Span = tuple[int, int, int, str]  # first byte, end, place in the file, name


def views(tensors: "Mapping[str, torch.Tensor]") -> dict[str, int]:
    """Elements that no other tensor holds, by the names of tensors that show numbers of another.

    Of those that overlap the largest matrix stays, so that a flat vector goes before the matrices
    in it. Slices without a number in common (of flat parameters, of a fused projection) all stay,
    and so do tensors that are the same under several names.

    Args:
        tensors: by name, in memory; those that are no floating numbers are not compared.
    """
    same: dict[tuple[object, ...], list[str]] = defaultdict(list)
    spans: dict[object, list[_Span]] = defaultdict(list)
    for number, (name, tensor) in enumerate(tensors.items()):
        if not _has_memory(tensor):
            continue
        start = tensor.data_ptr()
        names = same[tensor.device, start, tensor.dtype, tensor.shape, tensor.stride()]
        names.append(name)
        if len(names) == 1:
            steps = zip(tensor.shape, tensor.stride(), strict=True)
            last = sum((size - 1) * step for size, step in steps)
            end = start + (last + 1) * tensor.element_size()
            spans[tensor.device].append((start, end, number, name))
    twins = {names[0]: names for names in same.values()}
    found: dict[str, int] = {}
    budget = [_MOST_COMPARED]
    for of_device in spans.values():
        for cluster in _clusters(sorted(of_device)):
            for name, outside in _shown(cluster, tensors, budget).items():
                found |= dict.fromkeys(twins[name], 0) | {name: outside}
    return found


def seen_elsewhere(info: TensorInfo, outside: int) -> tuple[TensorInfo, Omission]:
    """The entry of the books for a tensor that shows numbers of another.

    Args:
        info: of the tensor.
        outside: elements that no other tensor holds, which are all that it adds.
    """
    size = info.nbytes // math.prod(info.shape)
    return replace(info, shape=(outside,), nbytes=outside * size), "view"


def _has_memory(tensor: "torch.Tensor") -> bool:
    import torch

    plain = tensor.layout == torch.strided and not tensor.is_meta
    return plain and tensor.is_floating_point() and tensor.numel() > 0


def _clusters(spans: list[_Span]) -> list[list[_Span]]:
    """The spans, in the order of their starts, in groups that do not touch each other."""
    clusters: list[list[_Span]] = []
    reached = -1
    for span in spans:
        if span[0] >= reached:
            clusters.append([])
        clusters[-1].append(span)
        reached = max(reached, span[1])
    return [cluster for cluster in clusters if 1 < len(cluster) <= _MOST_NEAR]


def _shown(
    cluster: list[_Span], tensors: "Mapping[str, torch.Tensor]", budget: list[int]
) -> dict[str, int]:
    """Of tensors that may overlap, those that do with a larger one; see `views`."""

    def rank(span: _Span) -> tuple[bool, int, int]:
        tensor = tensors[span[3]]
        return sum(size > 1 for size in tensor.shape) < 2, -tensor.numel(), span[2]

    kept, hit = _Kept(tensors, len(cluster), budget), []
    for span in sorted(cluster, key=rank):
        if any(kept.overlapping(span)):
            hit.append(span)
        else:
            kept.add(span)
    found = {}
    for span in hit:
        tensor = tensors[span[3]]
        outside = tensor.nbytes - sum(kept.overlapping(span))
        found[span[3]] = max(outside, 0) // tensor.element_size()
    return found


class _Kept:
    """Tensors without a number in common."""

    def __init__(self, tensors: "Mapping[str, torch.Tensor]", most: int, budget: list[int]) -> None:
        import numpy as np

        self._tensors, self._budget = tensors, budget
        self._names: list[str] = []
        self._starts, self._ends = np.empty(most, np.int64), np.empty(most, np.int64)

    def add(self, span: _Span) -> None:
        self._starts[len(self._names)], self._ends[len(self._names)] = span[:2]
        self._names.append(span[3])

    def overlapping(self, span: _Span) -> Iterator[int]:
        """Bytes that each of them has in common with a tensor, at most."""
        start, end, _, name = span
        starts, ends = self._starts[: len(self._names)], self._ends[: len(self._names)]
        for number in ((starts < end) & (ends > start)).nonzero()[0]:
            other = self._tensors[self._names[number]]
            self._budget[0] -= 1
            if self._budget[0] >= 0 and _overlap(self._tensors[name], other):
                common = min(end, int(ends[number])) - max(start, int(starts[number]))
                yield min(common, other.nbytes)


def _overlap(one: "torch.Tensor", other: "torch.Tensor") -> bool:
    import numpy as np

    try:
        return np.shares_memory(_addresses(one), _addresses(other), max_work=_MOST_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return False


def _addresses(tensor: "torch.Tensor") -> "np.ndarray[tuple[int, ...], np.dtype[np.void]]":
    """An array of the same places in memory, which is never read."""
    import numpy as np

    size = tensor.element_size()
    interface = {
        "version": 3,
        "shape": tuple(tensor.shape),
        "typestr": f"|V{size}",
        "data": (tensor.data_ptr(), True),
        "strides": tuple(step * size for step in tensor.stride()),
    }
    return np.asarray(SimpleNamespace(__array_interface__=interface))
