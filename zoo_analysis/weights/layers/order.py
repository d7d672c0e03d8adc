"""The order of definition of a checkpoint's tensors, where the file has lost it.

safetensors files are sorted by name. Here numbers count as numbers, and siblings follow the order
in which architectures define modules of those names (``sibling_order.txt``).
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo_analysis.weights.layers.architecture import Blueprint

_Rank = tuple[float, int, str]


def definition_order(names: Collection[str]) -> list[str]:
    """`names` of tensors in a likely order of definition."""
    # Depthwise separable blocks end in the convolution with which inverted residuals begin.
    inverted = {name.partition(".conv_pwl.")[0] for name in names if ".conv_pwl." in name}

    def key(name: str) -> list[_Rank]:
        block, mark, rest = name.partition(".conv_pw.")
        if mark and block not in inverted:
            name = f"{block}.conv_pwl.{rest}"
        return [_rank(part) for part in name.split(".")]

    return sorted(names, key=key)


def planned_order(order: list[str], plan: "Blueprint") -> list[str]:
    """The architecture's order; tensors it does not know follow their nearest relatives.

    Args:
        order: names of tensors.
        plan: the architecture.
    """
    last: dict[str, int] = {}
    for name in order:
        if found := plan.find(name):
            for prefix in _prefixes(name):
                last[prefix] = max(last.get(prefix, -1), plan.positions[found])
    keys = {}
    for rank, name in enumerate(order):
        found = plan.find(name)
        if found is not None:
            keys[name] = (plan.positions[found], 0, rank)
        else:
            nearest = next((last[prefix] for prefix in _prefixes(name) if prefix in last), -1)
            keys[name] = (nearest, 1, rank)
    return sorted(order, key=keys.__getitem__)


def _prefixes(name: str) -> Iterator[str]:
    while name:
        name = name.rpartition(".")[0]
        yield name


@cache
def _rank(part: str) -> _Rank:
    if part.isdecimal():  # ² is a digit, and no number
        return -1.0, int(part), ""
    # conv2, conv2b, conv3: a number may carry a letter
    match = re.fullmatch(r"(.*?[^\d.])(\d+)([abc]?)", part)
    word, number = (match[1], int(match[2])) if match else (part, -1)
    ranks = _ranks()
    # An unknown name stands with the body of the network.
    return float(ranks.get(word, ranks["layers"] + 0.5)), number, part


@cache
def _ranks() -> dict[str, int]:
    text = files(__package__).joinpath("sibling_order.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {word: rank for rank, word in enumerate(" ".join(lines).split())}
