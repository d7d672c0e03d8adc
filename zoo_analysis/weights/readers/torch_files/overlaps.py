"""Tensors that show numbers of another one in the same memory: parts, transposes, overlaps."""

import math
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from zoo_analysis.texts import few
from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import Omission

if TYPE_CHECKING:
    import numpy as np
    import torch

#: Places in memory that are marked one by one, a byte each; more than so many numbers side by side,
#: of which some are strided, are not compared, and a remark says so.
_MOST_PLACES: Final = 1 << 30

_Span = tuple[int, int, int, str]  # first byte, end, place in the file, name


def views(tensors: "Mapping[str, torch.Tensor]", remarks: dict[str, None]) -> dict[str, int]:
    """Elements that no other tensor holds, by the names of tensors that show numbers of another.

    Of those that overlap the largest matrix stays, so that a flat vector goes before the matrices
    in it. Slices without a number in common (of flat parameters, of a fused projection) all stay,
    and so do tensors that are the same under several names.

    Args:
        tensors: by name, in memory; those that are no floating numbers are not compared.
        remarks: gets one on those that lie too far apart to be compared.
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
    for of_device in spans.values():
        for cluster in _clusters(sorted(of_device)):
            plain = all(tensors[span[3]].is_contiguous() for span in cluster)
            shown = _within(cluster, tensors) if plain else _marked(cluster, tensors)
            if shown is None:
                remarks[_uncompared([span[3] for span in cluster])] = None
                continue
            for name, outside in shown.items():
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
    return [cluster for cluster in clusters if len(cluster) > 1]


def _largest_first(cluster: list[_Span], tensors: "Mapping[str, torch.Tensor]") -> list[_Span]:
    """Matrices before vectors, then by size, then as in the file."""

    def rank(span: _Span) -> tuple[bool, int, int]:
        tensor = tensors[span[3]]
        return sum(size > 1 for size in tensor.shape) < 2, -tensor.numel(), span[2]

    return sorted(cluster, key=rank)


def _within(cluster: list[_Span], tensors: "Mapping[str, torch.Tensor]") -> dict[str, int]:
    """Of tensors without gaps, those that share bytes with a larger one; see `views`."""
    kept: list[tuple[int, int]] = []  # in order, without a byte in common

    def shared(start: int, end: int) -> int:
        first = max(bisect_right(kept, (start, start)) - 1, 0)
        total = 0
        for begins, ends in islice(kept, first, None):
            if begins >= end:
                break
            total += max(min(end, ends) - max(start, begins), 0)
        return total

    hit = []
    for span in _largest_first(cluster, tensors):
        if shared(*span[:2]):
            hit.append(span)
        else:
            insort(kept, span[:2])
    return {
        name: (end - start - shared(start, end)) // tensors[name].element_size()
        for start, end, _, name in hit
    }


def _uncompared(names: list[str]) -> str:
    return (
        f"{few(names)} lie in one piece of memory of more than {_MOST_PLACES:,} places, some with "
        "gaps: what they may share was not looked for, and counts with each"
    )


def _marked(cluster: list[_Span], tensors: "Mapping[str, torch.Tensor]") -> dict[str, int] | None:
    """The same of tensors of which some have gaps: every place that is taken is marked.

    None where there are more than `_MOST_PLACES`.
    """
    import numpy as np

    low, high = min(span[0] for span in cluster), max(span[1] for span in cluster)
    sizes = (tensors[span[3]].element_size() for span in cluster)
    unit = math.gcd(*sizes, *(span[0] - low for span in cluster))
    if (high - low) // unit > _MOST_PLACES:
        return None
    taken = np.zeros((high - low) // unit, bool)

    def places(span: _Span) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
        tensor, first = tensors[span[3]], (span[0] - low) // unit
        if tensor.numel() > len(taken):  # its own places many times over, as `expand` has them
            return taken[first : (span[1] - low) // unit]
        size = tensor.element_size() // unit
        strides = (*(step * size for step in tensor.stride()), 1)
        return np.lib.stride_tricks.as_strided(taken[first:], (*tensor.shape, size), strides)

    hit = []
    for span in _largest_first(cluster, tensors):
        if (here := places(span)).any():
            hit.append(span)
        else:
            here[...] = True
    found = {}
    for span in hit:
        outside = int(np.count_nonzero(~places(span))) * unit // tensors[span[3]].element_size()
        found[span[3]] = outside
    return found
