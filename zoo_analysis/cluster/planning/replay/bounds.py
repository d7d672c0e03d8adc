"""Times below which no schedule of a zoo can get, by what takes them."""

from collections.abc import Sequence

import numpy as np

from zoo_analysis.cluster.placement import gpu_demand
from zoo_analysis.cluster.planning.replay.fleets import Fleet
from zoo_analysis.cluster.planning.replay.prices import PricedPiece, Prices
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel


def bounds(zoo: Sequence[ZooModel], fleet: Fleet, prices: Prices) -> dict[str, float]:
    """Seconds that each thing by itself takes for a zoo, if nothing else takes any.

    Returns:
        Of ``cores``, or of ``cores and GPUs`` where cores do a part of what GPUs are good for, so
        that both end together; the ``largest model``, from its opening to the end of its longest
        piece; the ``hub``, or the ``network`` of the nodes where that is slower; the ``driver``.
    """
    on_cores = largest = 0.0
    flexible: list[tuple[float, float]] = []  # seconds of cores that are saved, and of GPUs
    for model in zoo:
        priced = prices.model(model)
        on_cores += model.copies * priced.opening
        longest = 0.0
        for each in priced.pieces:
            on_cores += model.copies * each.core
            alone = prices.on_cores(each, 1 if priced.small else int(fleet.node.cpus))
            if not priced.small and _worth_a_gpu(each, fleet):
                # A core waits for the GPU that works for it.
                saved = each.core - each.beside - each.gpu
                flexible.append((model.copies * saved, model.copies * each.gpu))
                alone = min(alone, each.beside + each.gpu)
            longest = max(longest, alone)
        largest = max(largest, priced.opening + longest)
    what, work = _work(on_cores, flexible, fleet)
    nbytes = sum(model.copies * model.nbytes for model in zoo)
    network = fleet.nodes * fleet.network
    return {
        what: work,
        "largest model": largest,
        "hub" if fleet.hub <= network else "network": nbytes / min(fleet.hub, network),
        "driver": sum(model.copies for model in zoo) * fleet.driver,
    }


def _work(
    on_cores: float, flexible: Sequence[tuple[float, float]], fleet: Fleet
) -> tuple[str, float]:
    """The least time of all work, and of what, given what GPUs may take and save of it.

    GPUs take first what saves the most of a core's time for a second of theirs, and so much that
    both end together: the optimum of the linear programme in which any piece may be divided.
    """
    if not flexible:
        return "cores", on_cores / fleet.cpus
    saved, taken = np.array(flexible).T
    order = np.argsort(-saved / taken)
    by_gpus = np.append(0.0, np.cumsum(taken[order])) / fleet.gpus
    by_cores = (on_cores - np.append(0.0, np.cumsum(saved[order]))) / fleet.cpus
    if by_gpus[-1] <= by_cores[-1]:
        return "cores", float(by_cores[-1])
    at = int(np.argmax(by_gpus > by_cores))  # at 0 cores have work and GPUs none
    ahead, behind = by_cores[at - 1] - by_gpus[at - 1], by_gpus[at] - by_cores[at]
    share = ahead / (ahead + behind)
    both = by_gpus[at - 1] + share * (by_gpus[at] - by_gpus[at - 1])
    return "cores and GPUs", float(both)


def _worth_a_gpu(piece: PricedPiece, fleet: Fleet) -> bool:
    cost, layers = piece.piece.cost, piece.piece.layers
    return bool(fleet.gpus and gpu_demand(cost.peak_bytes, cost.seconds, layers, fleet.node))
