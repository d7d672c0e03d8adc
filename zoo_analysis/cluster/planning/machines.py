"""The machines that a scan would have: how many cores and GPUs, of which kinds."""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import mode
from typing import Final

from zoo_analysis.cluster.placement import Device, Node, cpus, device_for, is_there
from zoo_analysis.cluster.processes.task_limits import spared
from zoo_analysis.measure.rates import machine

#: Devices of which torch may see a GPU; without them it need not be loaded.
_GPUS: Final = ("nvidia[0-9]*", "kfd", "dxg")


@dataclass(frozen=True)
class Machines:
    """The cores and GPUs of a cluster, or of this machine.

    Attributes:
        cpus: cores of all nodes.
        kind: of most of the nodes.
        node: the largest one.
        gpus: of all nodes; none where they are not to be used.
        gpu_kind: of the GPUs; empty where there are none, or torch sees none.
    """

    cpus: int
    kind: str
    node: Node
    gpus: float = 0.0
    gpu_kind: str = ""


def machines(address: str | None, device: Device) -> Machines:
    """The machines of a cluster; of this one where none is named and no Ray is up.

    Args:
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, a running Ray, else this machine.
        device: ``cpu`` leaves GPUs aside.

    Raises:
        ZooError: no cluster at the address, or no GPU where one was asked for.
    """
    if is_there(address):
        import ray

        from zoo_analysis.cluster.planning.calibrate_nodes import nodes
        from zoo_analysis.cluster.processes.ray_workers import RayWorkers, gpu_kind
        from zoo_analysis.cluster.session import ray_session

        with ray_session(address):
            uses_gpus = device_for(device) == "cuda"
            workers, kind = RayWorkers(), mode(kind for _, kind, _ in nodes())
            gpus = workers.gpus() if uses_gpus else 0.0
            named = ray.get(gpu_kind.remote()) if gpus else ""
            return Machines(cpus(), kind, workers.node(), gpus, named)
    cores = os.cpu_count() or 1
    most = spared()
    if device == "cpu" or not any(any(Path("/dev").glob(name)) for name in _GPUS):
        return Machines(cores, machine(), Node(cores, most))
    import torch

    if not (gpus := torch.cuda.device_count()):
        return Machines(cores, machine(), Node(cores, most))
    node = Node(cores, most, gpus, torch.cuda.mem_get_info()[1])
    return Machines(cores, machine(), node, gpus, machine("cuda"))
