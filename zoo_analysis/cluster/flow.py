"""The loop of every run: so many tasks in flight, what comes back, and who is told of it."""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from zoo_analysis.cluster.commits import BATCH_SECONDS
from zoo_analysis.cluster.processes.task import Lost, Room, Task, Workers

#: Tasks in flight for each CPU and each GPU: the one that it works on, and the next.
_TASKS_A_PLACE = 2


def run_tasks(
    next_task: Callable[[Room], Task | None],
    workers: Workers,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Keep as many tasks in flight as keep every worker busy, never more, until none are left.

    Args:
        next_task: the task to send now, given for what there is room; None where there is none.
            None with nothing in flight ends the run.
        workers: that do them; how many there are is asked again and again.
        between: called after every result, and every `BATCH_SECONDS` without one.
    """
    in_flight = _InFlight(workers)
    again: deque[Task] = deque()
    while True:
        while (room := in_flight.room()) and (
            task := again.popleft() if again else next_task(room)
        ):
            in_flight.submit(task)
        if not in_flight.tasks:
            return
        for submitted in workers.wait(in_flight.tasks.keys(), BATCH_SECONDS):
            again += _finish(in_flight.over(submitted), workers, submitted)
        between()


class _InFlight:
    """Tasks that were sent, and the room that they leave."""

    def __init__(self, workers: Workers) -> None:
        self.workers, self.tasks = workers, dict[Any, Task]()
        self.cpus = self.gpus = self.memory = self.beside_gpus = 0.0

    def submit(self, task: Task) -> None:
        self.tasks[self.workers.submit(task)] = task
        self._count(task, 1)

    def over(self, submitted: Any) -> Task:
        task = self.tasks.pop(submitted)
        self._count(task, -1)
        return task

    def _count(self, task: Task, times: int) -> None:
        self.cpus += times * task.cpus
        self.gpus += times * task.gpus
        self.memory += times * (task.memory or 0)
        if task.gpus:
            self.beside_gpus += times * task.cpus

    def room(self) -> Room | None:
        """Room for further tasks; None where there is none."""
        cpus, gpus = self.workers.cpus(), self.workers.gpus()
        left = _TASKS_A_PLACE * cpus - self.cpus
        if left <= 0:
            return None
        # Those that wait for a GPU hold no core meanwhile.
        waiting = self.beside_gpus * (1 - gpus / self.gpus) if self.gpus > gpus else 0.0
        return Room(
            places=max(1, int(_TASKS_A_PLACE * cpus)),
            gpu_places=_TASKS_A_PLACE * gpus,
            cpus=left,
            gpus=max(0.0, _TASKS_A_PLACE * gpus - self.gpus),
            idle=max(0.0, cpus - self.cpus + waiting),
            memory=self.workers.memory() - self.memory,
            node=self.workers.node(),
        )


def _finish(task: Task, workers: Workers, submitted: Any) -> "list[Task]":
    """Hand on the result; tasks to be sent instead where there is none."""
    try:
        results = workers.result(submitted)
    except Lost as lost:
        if instead := task.instead(lost):
            return list(instead)
        results = (task.lost(lost.error, task.attempts.lost),)
    task.done(*results)
    return []


def side_by_side(
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
    on_done: Callable[[int, int], None] = lambda done, number: None,
    on_error: Callable[[int, BaseException], Any] | None = None,
) -> list[Any]:
    """Call a function on workers, each call on one thread; Ray must be up.

    Args:
        function: importable where the workers are.
        arguments: of each call.
        on_done: told how many calls are done and the number of the last, from 0, after each.
        on_error: makes of a call's number and its error what stands for its result.

    Returns:
        The results, in the order of the arguments.

    Raises:
        Exception: what a call raised, unless there is `on_error`.
    """
    from zoo_analysis.cluster.processes.ray_workers import RayWorkers, call

    results: dict[int, Any] = {}
    calls = enumerate(arguments)

    def done(number: int, result: Any) -> None:
        results[number] = result
        on_done(len(results), number)

    def lost(number: int, error: BaseException, attempts: int) -> Any:
        if on_error is None:
            raise error
        return on_error(number, error)

    def next_task(room: Room) -> Task | None:
        if (following := next(calls, None)) is None:
            return None
        number, each = following
        return Task(call, (function, *each), partial(done, number), partial(lost, number))

    run_tasks(next_task, RayWorkers())
    return [result for _, result in sorted(results.items())]
