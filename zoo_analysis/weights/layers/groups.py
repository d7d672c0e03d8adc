"""Groups of a convolution from the shapes around it; its own shape tells only in / groups.

What goes in is what came out of the layer before, so groups = (out before) / (in / groups), as long
as the layer before is known: the last one of the same block, or the end of the block before.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Shape = tuple[int, ...]

#: Beside the main path: what comes after does not take their output.
_SIDE: Final = re.compile(
    r"(^|[._])(down_?sample\w*|shortcut\w*|skip\w*|identity|proj_?id|project|se)([._]|$)"
)
#: Never grouped: they see an image, a slice of the channels, several maps, or other axes.
_PLAIN: Final = re.compile(
    r"(^|[._])(partial_conv\d*|ba|conv_lambda|fuse_layers|token_projection|linear|qkvs"
    r"|conv_pre|conv_pwl?\.\d+)([._]|$)|patch_embed\w*(\.\d+)?(\.proj(ection)?)?\.weight$|mask_embed\.conv1"
)
#: Certain to follow the layer before, even where an earlier one is as narrow as a group.
_CHAINED: Final = re.compile(r"(^|[._])(inverted_conv|spatial_conv|conv_exp|group_conv\w*)([._]|$)")
#: Split attention (ResNeSt): the two layers after a convolution have its cardinality as groups.
_RADIX: Final = re.compile(r"(^|\.)conv\d\.(?P<fc>fc[12])\.weight$")
#: As many channels in as out: slices of what came before.
_SLICED: Final = re.compile(r"(^|\.)convs\.\d+\.weight$")
#: Depthwise with two outputs a channel, where a stage widens.
_WIDENING: Final = re.compile(
    r"(^|\.)(blocks\.0\.(conv\.)?conv_dw|pool|large_conv|small_conv|final_conv)(\.|$)"
)


@dataclass
class _Seen:
    """The layers up to the present one, in the order of definition."""

    block: str = ""
    inside: list[tuple[Shape, int]] = field(default_factory=list)  # of this block, with groups
    trunk: list[int] = field(default_factory=list)  # outputs at the end of blocks, latest last
    outs: set[int] = field(default_factory=set)
    side: int = 0  # outputs of the layers beside this block's main path

    def enter(self, block: str) -> None:
        """Begin another block, unless it is the present one."""
        if block != self.block:
            if self.inside:
                self.trunk.append(self.inside[-1][0][0])
            elif self.side:  # a stage's own downsampling is on the main path
                self.trunk.append(self.side)
            self.block, self.inside, self.side = block, [], 0


def guess_groups(shapes: Mapping[str, Shape]) -> dict[str, int]:
    """Groups of the convolutions among `shapes`, where they are not 1.

    Args:
        shapes: of the matrices by name, in the order of definition: (out, in / groups, *kernel).
    """
    groups = {}
    seen = _Seen()
    for name, shape in shapes.items():
        seen.enter(_block(name))
        found = _groups(name, shape, seen) if len(shape) > 2 else 1
        if match := _RADIX.search(name):
            found = _radix_groups(name[: match.start("fc")], shapes)
        if found != 1:
            groups[name] = found
        if not _SIDE.search(name):
            seen.inside.append((shape, found))
        elif "sample" in name:
            seen.side = shape[0]
        seen.outs.add(shape[0])
    return groups


def _block(name: str) -> str:
    """The path down to the last number, but for the numbers of layers and parallel paths."""
    parts = re.sub(r"\.(paths|conv_kxk)\.\d+\..*", ".branch.conv.weight", name).split(".")[:-1]
    numbers = [place for place, part in enumerate(parts[:-1]) if part.isdigit()]
    return ".".join(parts[: numbers[-1] + 1]) if numbers else "".join(parts[:1])


def _groups(name: str, shape: Shape, seen: _Seen) -> int:
    out, into, kernel = shape[0], shape[1], math.prod(shape[2:])
    first = not seen.inside
    before = (seen.trunk[-1] if seen.trunk else 0) if first else seen.inside[-1][0][0]
    image = into == 3 and ("stem" in name or before != out)
    if not before or image or _PLAIN.search(name) or (len(shape) == 3 and into == kernel == 1):
        return 1
    if _SLICED.search(name):
        return out // into if out % into == 0 else 1
    if into > 1 and (_SIDE.search(name) or into == before):
        return 1
    for other, groups in seen.inside:  # branches over the same input, of other kernel sizes
        branch = other[2:] != shape[2:] and groups > 1
        if other[:2] == shape[:2] and (branch or ".paths." in name):
            return groups
    if into == 1:
        return before if _WIDENING.search(name) and out == 2 * before else out
    if before % into or out % (before // into):
        return 1
    grouped = before // into
    if kernel == 1 and not first and seen.inside[-1][1] == grouped:  # as the layer before it
        return grouped
    return grouped if out >= before and _follows(name, shape, before, seen) else 1


def _radix_groups(module: str, shapes: Mapping[str, Shape]) -> int:
    first, second = shapes.get(f"{module}fc1.weight"), shapes.get(f"{module}fc2.weight")
    return max(first[0] // second[1], 1) if first and second and second[1] else 1


def _follows(name: str, shape: Shape, before: int, seen: _Seen) -> bool:
    """True if all `before` outputs of the layer before go into this one, in groups."""
    if ".paths." in name:  # selective kernels may split their input in halves
        return before != 2 * shape[1]
    if _CHAINED.search(name):
        return True
    if math.prod(shape[2:]) == 1:
        depthwise = bool(seen.inside) and seen.inside[-1][1] == before == shape[0]
        return depthwise or shape[1] not in seen.outs
    return bool(seen.inside) or shape[1] not in seen.trunk[-4:]
