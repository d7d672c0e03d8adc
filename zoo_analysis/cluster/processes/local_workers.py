"""Processes beside this one that do the tasks of a run, where a cluster would not pay."""

import pickle
import threading
import time
from collections import deque
from collections.abc import Collection
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.processes.child import LOOK, Child, ProcessDied
from zoo_analysis.cluster.processes.task import Lost, Task
from zoo_analysis.cluster.processes.task_limits import own_bytes, spared


class LocalWorkers:
    """Processes of this machine, started anew after a death.

    Args:
        count: of processes.
        downloads: that they may make at the same time.
        modules: that tasks will need, imported by each process while the first tasks are planned.
    """

    def __init__(self, count: int, downloads: int, modules: tuple[str, ...] = ()) -> None:
        self.count, self._modules = count, modules
        self._permits = threading.Semaphore(downloads)
        self._idle: list[Child] = []
        self._busy: dict[Any, tuple[Child, Task]] = {}  # by connection
        self._waiting: deque[Task] = deque()
        self._answers: dict[Task, bytes | Exception] = {}

    def __enter__(self) -> Self:
        self._idle += [self._child() for _ in range(self.count)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        children = [*self._idle, *(child for child, _ in self._busy.values())]
        for child in children:  # each takes a while over it
            child.process.kill()
        for child in children:
            child.close()

    def cpus(self) -> float:
        """The number of processes."""
        return self.count

    def gpus(self) -> float:
        """None: where there is a GPU, Ray shares it out."""
        return 0.0

    def memory(self) -> float:
        """Most of this machine's."""
        return self.node().memory

    def node(self) -> Node:
        """This machine."""
        return Node(self.count, spared())

    def submit(self, task: Task) -> Task:
        """Have it done when its turn comes."""
        self._waiting.append(task)
        self._start()
        return task

    def wait(self, submitted: Collection[Any], seconds: float) -> list[Any]:
        """Tasks that are over, once there are any, or after some seconds."""
        if not self._answers:
            for connection in self._ready(seconds):
                child, task = self._busy[connection]
                try:
                    if (answer := child.receive()) is None:
                        continue
                    self._answers[task] = answer
                except (ProcessDied, RuntimeError) as error:
                    self._answers[task] = error
                del self._busy[connection]
                if not child.connection.closed:
                    self._idle.append(child)
            self._start()
        return [task for task in submitted if task in self._answers]

    def result(self, submitted: Task) -> tuple[Any, ...]:
        """The result of a task that is over.

        Raises:
            Lost: its process died, or it raised.
        """
        answer = self._answers.pop(submitted)
        if isinstance(answer, ProcessDied):
            raise Lost(answer, answer.model, answer.beyond, memory=answer.killed)
        if isinstance(answer, Exception):
            raise Lost(answer, final=True)
        return (pickle.loads(answer),)

    def _ready(self, seconds: float) -> list[Any]:
        """Connections on which something was said, or whose process is dead.

        Meanwhile the largest process is ended where all take more than this machine's share: code
        of C that holds on to the interpreter lets nobody inside of it see to that.
        """
        end = time.monotonic() + seconds
        while not (ready := wait(list(self._busy), LOOK)) and time.monotonic() < end:
            sizes = {child: own_bytes(child.process.pid) for child, _ in self._busy.values()}
            if sum(sizes.values()) > self.memory():
                max(sizes, key=lambda child: sizes[child]).process.kill()
        return ready

    def _start(self) -> None:
        while self._waiting and len(self._busy) < self.count:
            task = self._waiting.popleft()
            called = pickle.dumps((task.function, task.arguments), protocol=5)
            try:
                child = self._sent(called)
            except ProcessDied as error:  # a new one, before it did anything
                self._answers[task] = error
                continue
            self._busy[child.connection] = child, task

    def _sent(self, called: bytes) -> Child:
        """A process that was sent a call; idle ones that died meanwhile are nobody's fault."""
        while self._idle:
            child = self._idle.pop()
            try:
                child.send(called)
            except ProcessDied:
                continue
            return child
        child = self._child()
        child.send(called)
        return child

    def _child(self) -> Child:
        return Child(lambda: self._permits, self._modules)
