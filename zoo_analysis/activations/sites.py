"""A network's modules that have activations: how they are read, and which are asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from zoo_analysis.errors import ActivationError


@dataclass(frozen=True)
class Site:
    """A module that was seen to run, and how its output is read.

    Attributes:
        name: of the module.
        depth: see `LayerActivations`.
        weighted: whether it has a weight matrix and is not the classifier.
        embedding: whether it looks its outputs up in a table.
        channels: of its output.
        channels_first: whether its second axis is the channels, else its last.
        prefix: tokens before those of the patches.
        size: see `LayerActivations`.
    """

    name: str
    depth: int
    weighted: bool
    embedding: bool
    channels: int
    channels_first: bool = False
    prefix: int = 0
    size: tuple[int, ...] = ()

    def images(self, output: torch.Tensor, n: int) -> torch.Tensor:
        """The module's output on n images: (n, channels, height, width).

        Positions that form no grid are averaged: height = width = 1.
        """
        gridded = len(self.size) == 2
        if gridded and self.channels_first and output.ndim == 4:
            return output
        if self.channels_first:
            output = output.movedim(1, -1)
        positions = output.reshape(n, -1, self.channels)
        if not gridded:
            return positions.mean(1)[:, :, None, None]
        return positions[:, self.prefix :].transpose(1, 2).reshape(n, self.channels, *self.size)

    def tokens(self, output: torch.Tensor, n: int) -> torch.Tensor:
        """The module's output on n texts: (n, tokens, channels)."""
        return output.reshape(n, -1, self.channels)


def select(sites: Sequence[Site], layers: str) -> list[Site]:
    """The modules asked for, in order of execution.

    Args:
        sites: all that ran.
        layers: "all" with a weight matrix, the classifier aside; the "last" of them; a number: so
            many of them, evenly spaced; else a regular expression that matches the whole name of
            any module.

    Raises:
        ActivationError: none is found, or the expression is malformed.
    """
    weighted = [site for site in sites if site.weighted]
    if layers in ("all", "last"):
        found = weighted if layers == "all" else weighted[-1:]
    elif layers.isdecimal():
        wanted = min(int(layers), len(weighted))
        found = [weighted[i] for i in np.linspace(0, len(weighted) - 1, wanted).round().astype(int)]
    else:
        try:
            pattern = re.compile(layers)
        except re.error as error:
            raise ActivationError(
                f"{layers!r}: not a regular expression ({error}); `layers` takes all, last, "
                "a number, or an expression that matches whole names of modules"
            ) from error
        found = [site for site in sites if pattern.fullmatch(site.name)]
    if not found:
        names = [site.name for site in weighted or sites]
        some = ", ".join(names[:: max(1, len(names) // 4)][:4]) or "none"
        raise ActivationError(
            f"{layers!r}: no such layer ran; `layers` takes all, last, a number from 1, or an "
            f"expression that matches whole names of modules (here: {some})"
        )
    return found
