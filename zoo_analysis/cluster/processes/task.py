"""Tasks of a run, and what any workers must be able to do with them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.processes.task_limits import Limits

#: How often work on a model is tried when its process dies, and when that took too much.
ATTEMPTS, ATTEMPTS_BEYOND_LIMITS = 3, 2


@dataclass(frozen=True)
class Room:
    """Room for further tasks.

    Attributes:
        places: for tasks in all, taken ones included: two for each core.
        gpu_places: the same of tasks on GPUs: two for each.
        cpus: of tasks that may be sent now.
        gpus: of tasks that may be sent now.
        idle: cores that no task is meant for.
        memory: bytes that no task is meant for; less than none where some have to wait for it.
        node: the largest machine.
    """

    places: int
    gpu_places: float
    cpus: float
    gpus: float
    idle: float
    memory: float
    node: Node


class Lost(Exception):
    """The end of a task without a result.

    Attributes:
        error: why.
        model: number of the model of its batch that was worked on, where that is known.
        beyond: whether it was ended for taking too much.
        memory: whether it was ended where memory ran out.
        final: whether trying again is of no use.
        attempts: that it counts for: none where the machine was lost.
    """

    def __init__(
        self,
        error: BaseException,
        model: int | None = None,
        beyond: bool = False,
        final: bool = False,
        attempts: int = 1,
        memory: bool = False,
    ) -> None:
        super().__init__(error)
        self.error, self.model, self.beyond, self.memory = error, model, beyond, memory
        self.final, self.attempts = final, attempts


@dataclass
class Attempts:
    """Count of the times that work on one model was lost with its process, over all its tasks."""

    lost: int = 0

    def again(self, lost: Lost) -> bool:
        """Count a loss; True where it is to be tried once more."""
        self.lost += lost.attempts
        return self.lost < (ATTEMPTS_BEYOND_LIMITS if lost.beyond else ATTEMPTS)


@dataclass(frozen=True, eq=False)
class Task:
    """A call for a worker, what it needs, and what becomes of its result.

    Attributes:
        function: of a module that workers can import, called in a process of its own that is
            watched over; or a remote function of Ray, which may share what is in Ray's memory.
        arguments: of the call.
        done: takes the result; where a remote function returns several, the first, and references
            to the others.
        lost: makes of the error and the number of attempts what `done` gets instead, when the last
            attempt was lost with its process.
        cpus: that it is to have; as many threads may it use.
        memory: bytes that it will take; None declares none.
        gpus: that it holds, or the share of one.
        attempts: at the model that it works on, shared by all tasks of that model.
        limits: of a remote function, which gets them as its last argument; None leaves it alone,
            and Ray does the retrying.
        remade: Ray does the retrying all the same, which also brings back results that were lost
            with a node.
        split: of a task for several models: tasks for them that take its place when its process
            died, given the number of the model that it died over, or None where nobody knows.
    """

    function: Any
    arguments: tuple[Any, ...]
    done: Callable[..., None]
    lost: Callable[[BaseException, int], Any]
    cpus: float = 1.0
    memory: int | None = None
    gpus: float = 0.0
    attempts: Attempts = field(default_factory=Attempts)
    limits: Limits | None = None
    remade: bool = False
    split: Callable[[int | None], "Sequence[Task]"] | None = None

    def instead(self, lost: Lost) -> "Sequence[Task]":
        """Tasks that take its place after a loss; none where it is the last."""
        if lost.final:
            self.attempts.lost += lost.attempts
            return []
        if self.split and lost.attempts:
            return self.split(lost.model)
        if not self.attempts.again(lost):
            return []
        if lost.memory and self.memory is not None:
            return [replace(self, memory=2 * self.memory)]
        return [self]


class Workers(Protocol):
    """Places where tasks are done. A result of `submit` stands for one until its own was taken."""

    def cpus(self) -> float:
        """Tasks of one CPU that can be done at the same time."""

    def gpus(self) -> float:
        """Tasks of one GPU that can be done at the same time."""

    def memory(self) -> float:
        """Bytes that tasks may declare, of all machines."""

    def node(self) -> Node:
        """The largest machine."""

    def submit(self, task: Task) -> Any:
        """Have it done."""

    def wait(self, submitted: Collection[Any], seconds: float) -> list[Any]:
        """Those that are over, once there are any, or after some seconds."""

    def result(self, submitted: Any) -> tuple[Any, ...]:
        """The result of one that is over, and references to further ones.

        Raises:
            Lost: there is none.
        """
