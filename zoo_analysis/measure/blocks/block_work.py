"""The work that a block asks of a machine, from shapes alone. Imports no torch."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from zoo_analysis.measure.rates import Work
from zoo_analysis.weights.layers.blocks.block_listing import BlockSpec, sides
from zoo_analysis.weights.spec import LayerSpec

#: Gram matrices that take as long as a triangular factor of the same matrix (measured).
_QR: Final = 3
#: Width of a head where headers do not say how many there are.
_TYPICAL: Final = 64


def block_work(block: BlockSpec, fits: int) -> list[Work]:
    """The work on a block, piece by piece: as many as there are rows, and of heads the factors.

    Args:
        block: of layers.
        fits: power laws whose fit takes as long as all that a method fits to a spectrum.
    """
    if block.kind != "product":
        long, short = max(block.shape), min(block.shape)
        return [Work(long, short, 1, False, long * short, 0, 0) for _ in block.parts]
    q, k, v, o = (sides(part) for part in block.parts)
    heads, kv_heads = block.heads or 1, block.kv_heads
    width, value = q[0] // heads, v[0] // kv_heads
    works = [
        Work(side, each, _QR * count, False, side * each * count, 0, 0, eigenproblems=0)
        for side, each, count in (
            (q[1], width, heads),
            (k[1], width, kv_heads),
            (v[1], value, kv_heads),
            (o[0], value, heads),
        )
    ]
    for each in (width, value):
        works += [Work(each, each, 1, False, each**2, each, fits)] * heads
    return works


def block_rows(block: BlockSpec) -> int:
    """Rows that a block comes to: two a head, or one an expert."""
    return 2 * (block.heads or 1) if block.kind == "product" else len(block.parts)


def with_guessed_heads(specs: Iterable[LayerSpec]) -> list[LayerSpec]:
    """Layers for a price: heads of 64 where headers alone do not say how many there are.

    Args:
        specs: of the layers.
    """
    return [
        replace(spec, heads=max(1, sides(spec)[0] // _TYPICAL))
        if spec.role == "q" and spec.heads is None
        else spec
        for spec in specs
    ]
