"""Kinds of kernels whose axes are (…, inputs, outputs), and their ways into torch's order."""

import math
from typing import Final

from zoo_analysis.weights.readers.arranged import ArrayLayout, as_stored
from zoo_analysis.weights.spec import Kind, TensorKind

Shape = tuple[int, ...]
Arrangement = tuple[TensorKind | None, ArrayLayout]

_CONV: Final[tuple[Kind, ...]] = ("conv1d", "conv2d", "conv3d")
_TRANSPOSED: Final[tuple[Kind, ...]] = (
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
)


def dense(shape: Shape, inputs: int = 1, lead: int = 0) -> Arrangement:
    """A matrix (in, out), either of which may be several axes.

    Args:
        shape: (*stack, *in, *out).
        inputs: number of the axes of `in`.
        lead: 1 where the first axis counts matrices.
    """
    split = lead + inputs
    whole = (*shape[:lead], math.prod(shape[lead:split]), math.prod(shape[split:]))
    layout = ArrayLayout(tuple(range(len(shape))), whole)
    return TensorKind("linear", transposed=True, stacked=bool(lead)), layout


def table(shape: Shape, lead: int = 0) -> Arrangement:
    """An embedding (entries, width)."""
    return TensorKind("embedding", stacked=bool(lead)), as_stored(shape)


def convolution(shape: Shape, groups: int = 1, lead: int = 0) -> Arrangement:
    """A convolution (*kernel, in / groups, out), as (out, in / groups, *kernel)."""
    kind = _spatial(_CONV, shape, lead)
    if kind is None:
        return not_understood(shape)
    layout = _moved(shape, lead, (-1, -2))
    return TensorKind(kind, groups, stacked=bool(lead)), layout


def transposed_convolution(shape: Shape, outputs_last: bool, lead: int = 0) -> Arrangement:
    """A transposed convolution as (in, out, *kernel).

    Args:
        shape: (*kernel, out, in) as Keras has it, or (*kernel, in, out).
        outputs_last: the latter.
        lead: 1 where the first axis counts kernels.
    """
    kind = _spatial(_TRANSPOSED, shape, lead)
    if kind is None:
        return not_understood(shape)
    layout = _moved(shape, lead, (-2, -1) if outputs_last else (-1, -2))
    return TensorKind(kind, transposed=True, stacked=bool(lead)), layout


def depthwise(shape: Shape) -> Arrangement:
    """A depthwise convolution (*kernel, in, multiplier), as (in · multiplier, 1, *kernel)."""
    kind = _spatial(_CONV, shape, 0)
    if kind is None:
        return not_understood(shape)
    into, multiplier = shape[-2:]
    axes = _moved(shape, 0, (-2, -1)).axes
    return TensorKind(kind, into), ArrayLayout(axes, (into * multiplier, 1, *shape[:-2]))


def not_understood(shape: Shape) -> Arrangement:
    """A kernel of which the file does not tell what its axes are."""
    return TensorKind("linear", status="not-understood"), as_stored(shape)


def no_matrix(shape: Shape) -> Arrangement:
    """A vector, in whatever dress."""
    return None, as_stored(shape)


def by_equation(equation: str, operand: int, shape: Shape) -> Arrangement:
    """A factor of an Einstein sum, as ``(stack, in, out)`` or ``(in, out)``.

    Summed axes are inputs; those that the result and another factor have too count matrices.

    Args:
        equation: ``abc,cde->abde``.
        operand: which of the factors.
        shape: of the factor.
    """
    left, arrow, result = equation.replace(" ", "").replace("...", "").partition("->")
    factors = left.split(",")
    if not arrow or operand >= len(factors) or len(factors) < 2:
        return not_understood(shape)
    own = factors[operand]
    others = "".join(factors[:operand] + factors[operand + 1 :])
    if len(own) != len(shape) or len(set(own)) != len(own):
        return not_understood(shape)
    stack = [i for i, axis in enumerate(own) if axis in result and axis in others]
    into = [i for i, axis in enumerate(own) if axis not in result]
    out = [i for i, axis in enumerate(own) if axis in result and axis not in others]
    if not into or not out:
        return not_understood(shape) if len(shape) > 1 else no_matrix(shape)
    sizes = [math.prod(shape[i] for i in axes) for axes in (into, out)]
    if stack:
        sizes.insert(0, math.prod(shape[i] for i in stack))
    kind = TensorKind("linear", transposed=True, stacked=bool(stack))
    return kind, ArrayLayout((*stack, *into, *out), tuple(sizes))


def _spatial(kinds: tuple[Kind, ...], shape: Shape, lead: int) -> Kind | None:
    spatial = len(shape) - lead - 2
    return kinds[spatial - 1] if 1 <= spatial <= len(kinds) else None


def _moved(shape: Shape, lead: int, channels: tuple[int, int]) -> ArrayLayout:
    """The two axes of channels before those of the kernel."""
    n = len(shape)
    axes = (*range(lead), *(n + axis for axis in channels), *range(lead, n - 2))
    return ArrayLayout(axes, tuple(shape[axis] for axis in axes))
