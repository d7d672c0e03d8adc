"""Demands of tasks on the machines that there are. Importing this does not import Ray."""

import math
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

from zoo_analysis.errors import ZooError
from zoo_analysis.texts import size_in_words

#: Where to compute; ``auto`` is cuda where the cluster has a GPU.
Device = Literal["auto", "cpu", "cuda"]
DEVICE: Final[Device] = "auto"

#: Memory of a process with torch in it, of a context of CUDA with blocks on their way, and of the
#: layers of a model that is measured where it is opened.
_PROCESS, _CONTEXT, _SMALL = 700 << 20, 1 << 30, 512 << 20
#: Shares of a GPU that tasks take: as many as its memory allows, but not so many that they crawl.
_SHARES: Final = (0.25, 0.5, 1.0)
#: Seconds of one core below which work is not brought to a GPU, nor shared out over threads.
_LEAST: Final = 1.0
#: Seconds of one core for a layer below which its matrices are too small for a GPU.
_LARGE: Final = 0.25
#: A GPU does in a second what a core does in so many: a guess that only decides who takes what.
GPU_SPEED: Final = 20.0


@dataclass(frozen=True)
class Node:
    """The largest machine of a cluster, and the most that one with GPUs has.

    Attributes:
        cpus: cores of the one with the most memory.
        memory: bytes of it that tasks may declare.
        gpus: of one machine.
        gpu_memory: bytes of one; None where that is not known.
        beside_gpus: bytes that tasks may declare where there are GPUs; None is as many.
    """

    cpus: float
    memory: int
    gpus: float = 0.0
    gpu_memory: int | None = None
    beside_gpus: int | None = None


@dataclass(frozen=True)
class Demand:
    """The demand of a task.

    Attributes:
        cpus: cores, and threads.
        memory: bytes.
        gpus: the share of one; none for a task of the CPU.
    """

    cpus: float = 1.0
    memory: int = _PROCESS + _SMALL
    gpus: float = 0.0

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """The device that it computes on."""
        return "cuda" if self.gpus else "cpu"


def demand(
    peak_bytes: int, seconds: float, node: Node, backlog: float, cpus: float, idle: float
) -> Demand:
    """The demand of work on the CPU: one thread, or more where the rest would wait for it.

    Args:
        peak_bytes: of its largest layer.
        seconds: of one thread.
        node: the largest one.
        backlog: seconds of all that waits, this work included.
        cpus: cores of the cluster.
        idle: of them, without anything to do.

    Raises:
        ZooError: the layer is larger than the memory of any node.
    """
    memory = _memory(peak_bytes, node)
    if seconds <= _LEAST:
        return Demand(1, memory)
    # So many that it takes no longer than all the rest does on all the cores, but no more than idle
    # on the average node, for some node has those; and the ones for which the tasks beside it leave
    # no memory.
    wanted = min(math.ceil(seconds * cpus / max(backlog, seconds)), idle * node.cpus / cpus)
    alone = round(memory * node.cpus / node.memory)
    return Demand(int(max(1, min(max(wanted, alone), node.cpus))), memory)


@lru_cache
def gpu_demand(peak_bytes: int, seconds: float, layers: int, node: Node) -> Demand | None:
    """The demand of work on a GPU; None where it is too little for one, or too large.

    Of small matrices a GPU makes no more than a core.

    Args:
        peak_bytes: of its largest layer.
        seconds: of one thread of a CPU.
        layers: that it is made of.
        node: the largest one.

    Raises:
        ZooError: the layer is larger than the memory of any node.
    """
    memory = _memory(peak_bytes, node)
    if seconds < _LEAST or seconds / layers < _LARGE:
        return None
    if node.beside_gpus is not None and memory > node.beside_gpus:
        return None
    if node.gpu_memory is None:
        return Demand(1, memory, 1.0)
    needed = (peak_bytes + _CONTEXT) / node.gpu_memory
    share = next((share for share in _SHARES if needed <= share), None)
    return None if share is None else Demand(1, memory, share)


def declared(peak_bytes: float) -> int | None:
    """The memory that a task declares which takes so much at its peak; None for a small one."""
    return _in_steps(peak_bytes) if peak_bytes > _SMALL else None


def _memory(peak_bytes: int, node: Node) -> int:
    if peak_bytes > node.memory:
        raise ZooError(
            f"its largest layer takes {size_in_words(peak_bytes)} of memory, and the largest "
            f"node has {size_in_words(node.memory)}: add a larger one"
        )
    return min(_in_steps(peak_bytes), node.memory)


def _in_steps(peak_bytes: float) -> int:
    # Ray serves tasks that ask for the same in the order in which they were sent, but of those that
    # ask for something else one may wait until all others are done.
    return max(1, math.ceil(peak_bytes / _SMALL)) * _SMALL + _PROCESS


def device_for(device: Device, *, later: bool = False) -> Literal["cpu", "cuda"]:
    """``cpu`` or ``cuda``, from that or ``auto``; Ray must be up.

    Args:
        device: as a user asks for it.
        later: whether GPUs that the cluster may get later are used too: ``auto`` is cuda then.

    Raises:
        ZooError: no GPU where one was asked for, or no such device.
    """
    if device not in get_args(Device):
        raise ZooError(f"device is {device!r}: use one of {', '.join(get_args(Device))}")
    import ray

    gpus = ray.cluster_resources().get("GPU", 0)
    if device == "cuda" and not gpus:
        raise ZooError("`device` is cuda, but the Ray cluster has no GPU; use auto or cpu")
    return "cuda" if device != "cpu" and (gpus or later) else "cpu"


def device_here(device: str) -> str:
    """``cpu`` or ``cuda``, for work in this process.

    Raises:
        ZooError: no GPU where one was asked for, or no such device.
    """
    if device not in ("cpu", "cuda"):
        raise ZooError(f"device is {device!r}: use cpu or cuda")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ZooError("`device` is cuda, but torch finds no GPU in this machine; use cpu")
    return device


def cpus() -> int:
    """CPUs of the cluster; Ray must be up."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def is_there(address: str | None) -> bool:
    """True where a Ray need not be started: it is up in this process, or a cluster is named."""
    up = "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())
    return up or bool(address or os.environ.get("RAY_ADDRESS"))
