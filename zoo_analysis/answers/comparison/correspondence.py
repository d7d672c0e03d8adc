"""Correspondence of the layers of two models."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class LayerName:
    """Identity of a layer: its name, kind and role."""

    layer: str
    kind: str | None
    role: str | None


def correspond(
    a: Sequence[LayerName], b: Sequence[LayerName]
) -> list[tuple[int | None, int | None]]:
    """Pair the layers of two models.

    By name where at least half the layers of the smaller model have their name in the other, as
    between revisions or sizes of one architecture. Else by the longest common subsequence of kinds
    and roles in the order of depth.

    Args:
        a: layers in the order of depth.
        b: likewise.

    Returns:
        (index in a, index in b), in the order of a and then b; None for a layer without partner.
    """
    by_name = {name.layer: j for j, name in enumerate(b)}
    shared = [(i, by_name[name.layer]) for i, name in enumerate(a) if name.layer in by_name]
    if not shared or 2 * len(shared) < min(len(a), len(b)):
        kinds_a, kinds_b = ([(name.kind, name.role) for name in names] for names in (a, b))
        matcher = SequenceMatcher(None, kinds_a, kinds_b, autojunk=False)
        shared = [
            (block.a + k, block.b + k)
            for block in matcher.get_matching_blocks()
            for k in range(block.size)
        ]
    partner = dict(shared)
    taken = set(partner.values())
    alone_b = [(None, j) for j in range(len(b)) if j not in taken]
    return [*((i, partner.get(i)) for i in range(len(a))), *alone_b]
