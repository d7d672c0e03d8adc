"""α over depth in one line of a terminal."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from rich.console import Console
from rich.text import Text

from zoo_analysis.cli.printing.cells import brief
from zoo_analysis.spectra.layer_warnings import OVER_TRAINED, UNDER_TRAINED

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
#: Where no layer has a value.
_NONE: Final = "·"
#: On a terminal: of α below 2, and above 6.
_OVER, _UNDER = "yellow", "magenta"


def write_sparkline(alphas: Sequence[float | None]) -> None:
    """A line of α over depth on standard output; nothing where no layer has it.

    Where there are more layers than the line has room for, a block is the median of neighbours.
    On a terminal α below 2 and above 6 is coloured, as `over-trained` and `under-trained`.

    Args:
        alphas: of a model's layers, in the order of depth.
    """
    known = [value for value in alphas if value is not None]
    if not known:
        return
    console, low, high = Console(highlight=False), min(known), max(known)
    line = Text("α over depth ")
    told = f" {brief(low)} to {brief(high)}"
    for value in _neighbours(alphas, max(1, console.width - len(line) - len(told))):
        line.append(_block(value, low, high), _colour(value))
    console.print(line.append(told))


def _neighbours(alphas: Sequence[float | None], room: int) -> list[float | None]:
    """As many values as there is room for, each the median of those that it stands for."""
    count = min(len(alphas), room)
    ends = [i * len(alphas) // count for i in range(count + 1)]
    parts = [[value for value in alphas[a:b] if value is not None] for a, b in pairwise(ends)]
    return [median(part) if part else None for part in parts]


def _block(value: float | None, low: float, high: float) -> str:
    if value is None:
        return _NONE
    share = (value - low) / (high - low) if high > low else 0.5
    return _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)]


def _colour(value: float | None) -> str:
    if value is None or OVER_TRAINED <= value <= UNDER_TRAINED:
        return ""
    return _OVER if value < OVER_TRAINED else _UNDER
