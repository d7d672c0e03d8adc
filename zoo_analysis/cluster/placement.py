"""Processors that tasks run on. Importing this does not import Ray."""

import os
import sys
from typing import Final, Literal, get_args

from zoo_analysis.errors import ZooError

#: Where to compute; ``auto`` is cuda where the cluster has a GPU.
Device = Literal["auto", "cpu", "cuda"]
DEVICE: Final[Device] = "auto"


def device_for(device: Device) -> Literal["cpu", "cuda"]:
    """``cpu`` or ``cuda``, from that or ``auto``; Ray must be up.

    Raises:
        ZooError: no GPU where one was asked for, or no such device.
    """
    if device not in get_args(Device):
        raise ZooError(f"device is {device!r}: use one of {', '.join(get_args(Device))}")
    import ray

    gpus = ray.cluster_resources().get("GPU", 0)
    if device == "cuda" and not gpus:
        raise ZooError("`device` is cuda, but the Ray cluster has no GPU; use auto or cpu")
    return "cuda" if device != "cpu" and gpus else "cpu"


def cpus() -> int:
    """CPUs of the cluster; Ray must be up."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def is_there(address: str | None) -> bool:
    """True where a Ray need not be started: it is up in this process, or a cluster is named."""
    up = "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())
    return up or bool(address or os.environ.get("RAY_ADDRESS"))
