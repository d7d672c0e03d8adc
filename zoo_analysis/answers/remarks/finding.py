"""A diagnosis of one model, in words and numbers, and the words for a share of its layers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zoo_analysis.stats import Share
from zoo_analysis.texts import few

_NAMED = 6


@dataclass(frozen=True)
class Finding:
    """One diagnosis.

    Attributes:
        diagnosis: its name.
        verdict: one or two words.
        text: the same in a sentence, with the numbers that matter.
        numbers: all of them.
        layers: concerned, in the order of depth.
    """

    diagnosis: str
    verdict: str
    text: str
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)
    layers: tuple[str, ...] = ()


def in_words(share: Share) -> str:
    """A share of layers with its interval: ``3 of 34 layers (9 %, 3–23 %)``."""
    interval = f"{100 * share.low:.0f}–{100 * share.high:.0f} %"
    return f"{share.count} of {counted(share.of)} ({100 * share.value:.0f} %, {interval})"


def counted(number: int) -> str:
    """A number of layers: ``1 layer``, ``2 layers``."""
    return f"{number} layer" if number == 1 else f"{number} layers"


def interval(name: str, share: Share) -> dict[str, float | int]:
    """The numbers of a share, by a name."""
    return {name: share.count, f"{name}_low": share.low, f"{name}_high": share.high}


def extent(what: str, part: Share) -> str:
    """A verdict on a share: ``3 of 34 trapped``, or mostly, where its interval is above ½."""
    return f"mostly {what}" if part.low > 0.5 else f"{part.count} of {part.of} {what}"


def listed(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    return few(names, _NAMED)
