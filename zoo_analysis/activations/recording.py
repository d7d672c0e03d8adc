"""A network's activations over a probe, layer by layer, read while it runs."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import nn

from zoo_analysis.activations.layer_activations import Captured, LayerActivations
from zoo_analysis.activations.networks.network import Batch, Network
from zoo_analysis.activations.pooling import POSITIONS, pool
from zoo_analysis.activations.probes.probe import Probe
from zoo_analysis.activations.sites import Site, select
from zoo_analysis.activations.survey import listening, survey
from zoo_analysis.errors import ActivationError
from zoo_analysis.texts import size_in_words

#: Bytes that one network's activations may take, unless told otherwise.
MEMORY: Final = 4 * 10**9

#: Positions a side, at most, of what is kept of input images.
INPUT_GRID: Final = (16, 16)


def capture(
    network: Network,
    probe: Probe,
    *,
    layers: str = "all",
    positions: int | None = POSITIONS,
    batch_size: int = 32,
    limit_bytes: int = MEMORY,
) -> Captured:
    """Run a network over a probe and keep what its layers give.

    A layer's outputs are pooled while the network runs: no more than a batch is ever held
    unpooled. The tokens of a text are averaged into its words, so that networks of different
    vocabularies have the same samples.

    Args:
        network: the network.
        probe: of its kind.
        layers: see `zoo_analysis.activations.sites.select`.
        positions: height and width, at most, that a layer's grid is pooled to; None: not pooled.
        batch_size: images or passages a forward pass.
        limit_bytes: of memory for what is kept, which is known before the first batch.

    Returns:
        Arrays on the CPU, wherever the network is.

    Raises:
        ActivationError: no such layers, a probe that the network cannot take, or more to keep than
            the limit.
    """
    if positions is not None and positions < 1:
        raise ActivationError(f"`positions` {positions}: at least 1 has to be kept")
    ran = _survey(network, probe)
    sites = select(ran, layers)
    texts = probe.kind == "text"
    # What goes into a language model are the vectors of its tokens.
    first = next((site for site in ran if site.embedding), ran[0])
    kept = _room(network, probe, sites, positions, limit_bytes)
    inputs: list[np.ndarray] = []
    logits: list[np.ndarray] = []
    done = 0
    for batch in network.batches(probe, batch_size):
        heard, output = _run(network, batch, {*sites, first} if texts else sites, positions)
        for site in sites:
            kept[site.name][done : done + len(heard[site.name])] = heard[site.name]
        if isinstance(batch, torch.Tensor):
            inputs.append(_numpy(pool(batch.float(), INPUT_GRID).flatten(1)))
        else:
            inputs.append(heard[first.name])
        if output is not None:
            logits.append(_numpy(output))
        done += len(inputs[-1])
    return Captured(
        tuple(LayerActivations(s.name, s.depth, kept[s.name], s.size) for s in sites),
        np.concatenate(logits) if logits else None,
        probe.labels,
        np.concatenate(inputs),
        probe.id,
        probe.n,
    )


def _run(
    network: Network, batch: Batch, sites: Collection[Site], positions: int | None
) -> tuple[dict[str, np.ndarray], torch.Tensor | None]:
    """A batch's rows of each layer, and its logits."""
    named = {site.name: site for site in sites}
    heard: dict[str, np.ndarray] = {}

    def hear(name: str, _: nn.Module, output: torch.Tensor) -> None:
        heard[name] = _rows(named[name], output, batch, positions)

    with listening(network.module, named, hear):
        logits = network.forward(batch)
    if silent := named.keys() - heard.keys():
        raise ActivationError(
            f"{network.name}: {min(silent)} runs for some inputs only; choose other `layers`"
        )
    return heard, logits


def _survey(network: Network, probe: Probe) -> list[Site]:
    """Modules that run when the network gets the probe's first sample, twice."""
    twice = replace(probe, images=probe.images[:1] * 2, texts=probe.texts[:1] * 2)
    batch = next(network.batches(twice, 2), None)
    if batch is None:
        raise ActivationError(f"{probe.id}: a probe without samples; choose another `probe`")
    found = survey(network.module, lambda: network.forward(batch), batch, network.classifier)
    if not found:
        raise ActivationError(
            f"{network.name}: none of its modules gives an output for each sample of {probe.id}; "
            "leave the model out"
        )
    return found


def _room(
    network: Network, probe: Probe, sites: list[Site], positions: int | None, limit: int
) -> dict[str, np.ndarray]:
    """Arrays for what the layers will give, once they are known to fit."""
    shapes: dict[str, tuple[int, ...]] = {}
    for site in sites:
        shapes[site.name] = (probe.n, site.channels)
        if probe.kind == "images":
            size = site.size if len(site.size) == 2 else (1, 1)
            grid = (min(side, positions or side) for side in size)
            shapes[site.name] = (probe.n, site.channels, *grid)
    need = 4 * sum(map(np.prod, shapes.values()))
    if need > limit:
        raise ActivationError(
            f"{network.name}: {len(sites)} layers over {probe.n:,} samples need "
            f"{size_in_words(need)} of memory where {size_in_words(limit)} are allowed; ask for "
            "fewer `layers`, `positions` or `samples`"
        )
    return {name: np.empty(shape, np.float32) for name, shape in shapes.items()}


def _rows(site: Site, output: torch.Tensor, batch: Batch, positions: int | None) -> np.ndarray:
    """A batch's rows of a layer: (images, d, h, w) or (words, d)."""
    if isinstance(batch, torch.Tensor):
        grid = site.images(output, len(batch))
        return _numpy(grid if positions is None else pool(grid.float(), (positions, positions)))
    words = Network.words(batch)
    tokens = site.tokens(output, len(words))[words >= 0].float()
    number = words[words >= 0] - words[words >= 0].min()
    count = number.bincount()
    total = tokens.new_zeros(len(count), site.channels).index_add_(0, number, tokens)
    return _numpy(total / count[:, None])


def _numpy(values: torch.Tensor) -> np.ndarray:
    """A copy: what a module gives may be overwritten by the next one."""
    return values.detach().to("cpu", torch.float32, copy=True).numpy()
