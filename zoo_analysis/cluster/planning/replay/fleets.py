"""Machines of replays: what they have, how fast they are, what they cost."""

from dataclasses import dataclass
from typing import Final

from zoo_analysis.cluster.placement import Node
from zoo_analysis.measure.rates import TYPICAL, Rates

#: An H100 at float64. Assumed, not measured: a product at 60 % of the 67 TFLOPS of its data sheet;
#: an eigenproblem at twice what the memory (3.35 TB/s) needs for the 8 M³ / 3 bytes of a
#: tridiagonalisation, and 20 µs for each of its M steps.
H100: Final = Rates(
    gram={256: 5e-13, 1024: 1e-13, 4096: 5e-14},
    eigen={m: 2 * 8 * m**3 / 3 / 3.35e12 + 2e-5 * m for m in (64, 512, 2048, 8192, 32768)},
    element=TYPICAL.element,
    strided=TYPICAL.strided,
    fit=TYPICAL.fit,
    evaluation=TYPICAL.evaluation,
    layer=TYPICAL.layer,
    model=TYPICAL.model,
    listed=TYPICAL.listed,
    hashed=TYPICAL.hashed,
    serial=1.0,
)
#: A machine of 16 cores with 8 GB each, and one of 8 H100; dollars an hour as large clouds list
#: them, rounded.
_CPU_NODE: Final = Node(16, 128 << 30)
_CPU_DOLLARS: Final = 1.1
_GPU_NODE: Final = Node(192, 2048 << 30, 8, 80 << 30)
_GPU_DOLLARS: Final = 55.0
#: Bytes a second of their networks, and from the hub for all together.
_CPU_NETWORK, _GPU_NETWORK, _HUB = 1.5e9, 12.5e9, 12.5e9


@dataclass(frozen=True)
class Fleet:
    """So many alike machines.

    Attributes:
        nodes: of them.
        node: what each has.
        dollars: an hour of one.
        network: bytes a second of a node.
        hub: bytes a second from the hub, for all together.
        cpu: rates of a core.
        gpu: rates of a GPU.
        driver: seconds of the driver for a model.
    """

    nodes: int
    node: Node
    dollars: float
    network: float
    hub: float = _HUB
    cpu: Rates = TYPICAL
    gpu: Rates = H100
    driver: float = 0.0015

    @property
    def cpus(self) -> float:
        """Cores of all nodes."""
        return self.nodes * self.node.cpus

    @property
    def gpus(self) -> float:
        """GPUs of all nodes."""
        return self.nodes * self.node.gpus


def cpu_fleet(cores: int) -> Fleet:
    """Machines of 16 cores, or one of fewer, that have so many together."""
    per_node = min(cores, int(_CPU_NODE.cpus))
    node = Node(per_node, _CPU_NODE.memory)  # the largest layers need most of it
    return Fleet(-(-cores // per_node), node, _CPU_DOLLARS * per_node / 16, _CPU_NETWORK)


def gpu_fleet(gpus: int) -> Fleet:
    """Machines of eight H100 and 192 cores, or a part of one, that have so many GPUs together."""
    per_node = min(gpus, int(_GPU_NODE.gpus))
    cpus, memory = _GPU_NODE.cpus * per_node / 8, _GPU_NODE.memory * per_node // 8
    node = Node(cpus, memory, per_node, _GPU_NODE.gpu_memory)
    return Fleet(-(-gpus // per_node), node, _GPU_DOLLARS * per_node / 8, _GPU_NETWORK)
