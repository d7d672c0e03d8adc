"""A network's modules in the order in which they run, and the shapes of their outputs."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from zoo_analysis.activations.networks.network import Batch, Network
from zoo_analysis.activations.sites import Site

#: Class and register tokens that may precede the patches of an image.
MAX_PREFIX: Final = 16


def survey(
    module: nn.Module, run: Callable[[], object], batch: Batch, classifier: Sequence[str]
) -> list[Site]:
    """The modules that run, in order, and the shape of what they give.

    A module of several calls is read at its first. Left out is what does not give the same rows
    twice for two equal samples: tables that depend on no sample (relative positions), and
    whatever mixes samples.

    Args:
        module: the network.
        run: gives it the batch.
        batch: of one sample, twice.
        classifier: names of the modules that classify.
    """
    sites: dict[str, Site] = {}
    grids: list[tuple[int, ...]] = []
    finished = 0
    tokens = 0 if isinstance(batch, torch.Tensor) else Network.words(batch).shape[1]

    def look(name: str, source: nn.Module, found: torch.Tensor) -> None:
        nonlocal finished
        if not _twice_the_same(found):
            return
        first, prefix = False, 0
        size: tuple[int, ...] = ()
        if isinstance(batch, torch.Tensor):
            first = _channels_first(source, found)
            prefix, size = _grid(found, first, grids, batch.shape[2] / batch.shape[3])
            if isinstance(source, nn.modules.conv._ConvNd) and len(size) == 2 and size != (1, 1):
                grids.append(size)
        elif found.shape[:-1] not in ((2, tokens), (2 * tokens,)):
            return
        classifies = any(name == top or name.startswith(f"{top}.") for top in classifier)
        weighted = _has_matrix(source) and not classifies
        depth = finished if weighted else max(finished - 1, 0)
        finished += weighted
        channels = found.shape[1 if first else -1]
        sites[name] = Site(
            name, depth, weighted, _is_embedding(source), channels, first, prefix, size
        )

    with listening(module, None, look):
        run()
    return list(sites.values())


@contextmanager
def listening(
    module: nn.Module,
    names: Collection[str] | None,
    hear: Callable[[str, nn.Module, torch.Tensor], None],
) -> Iterator[None]:
    """Hands on what modules give inside the `with`, at the first call of each, as they run.

    Args:
        module: the network.
        names: of its modules; None: all of them.
        hear: gets a module's name, the module, and the first tensor in what it gave.
    """
    heard: set[str] = set()

    def pass_on(name: str, source: nn.Module, _: Any, output: Any) -> None:
        found = _first_tensor(output)
        if name not in heard and found is not None:
            heard.add(name)
            hear(name, source, found)

    with ExitStack() as hooks:
        for name, inner in module.named_modules():
            if name and (names is None or name in names):
                handle = inner.register_forward_hook(partial(pass_on, name))
                hooks.callback(handle.remove)
        yield


def _has_matrix(module: nn.Module) -> bool:
    """Convolutions and linear layers, whoever wrote them."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.ndim >= 2 and not _is_embedding(module)


def _is_embedding(module: nn.Module) -> bool:
    return isinstance(module, nn.Embedding | nn.EmbeddingBag)


def _twice_the_same(output: torch.Tensor) -> bool:
    if output.ndim < 2 or len(output) % 2 or not output.numel() or not output.is_floating_point():
        return False
    one, two = output.detach().float().chunk(2)
    close = 1e-3 * one.nan_to_num().abs().max().item()
    return torch.allclose(one, two, rtol=0, atol=close, equal_nan=True)


def _channels_first(module: nn.Module, output: torch.Tensor) -> bool:
    if output.ndim < 3:
        return False
    if _has_matrix(module):
        return isinstance(module, nn.modules.conv._ConvNd)
    # A grid is square more often than not; (n, h, h, d) is what is left of Swin's and its kin.
    return output.ndim != 3 and not (output.shape[1] == output.shape[2] != output.shape[3])


def _grid(
    output: torch.Tensor, first: bool, seen: Sequence[tuple[int, ...]], aspect: float
) -> tuple[int, tuple[int, ...]]:
    """Axes before the grid in two equal images' outputs, and the size as `Site` has it."""
    inner = tuple(output.shape[2:] if first else output.shape[1:-1])
    length = len(output) // 2 * math.prod(inner)
    if not inner and len(output) == 2:
        return 0, (1, 1)
    if len(output) != 2 or len(inner) > 2:
        return 0, (length,)  # as of windows that were folded into the batch
    if len(inner) == 2:  # else windows × positions, or patches × pixels
        return 0, inner if 0.5 <= inner[0] / inner[1] / aspect <= 2 else (length,)
    side = math.isqrt(length)
    # The patches' own grid, as an earlier convolution showed it; else a square and a class token.
    fits = [grid for grid in seen if 0 <= length - math.prod(grid) <= MAX_PREFIX]
    fits = fits or [(side, side)] * (length - side**2 <= 1)
    if not fits:
        return 0, (length,)
    size = min(reversed(fits), key=lambda grid: length - math.prod(grid))
    return length - math.prod(size), size


def _first_tensor(output: Any) -> torch.Tensor | None:
    """The tensor that a module returned, or the first within what it returned."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        return next((found for found in map(_first_tensor, output) if found is not None), None)
    return None
