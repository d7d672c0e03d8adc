"""The loop of every run: so many tasks in flight, and what comes back of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray

from zoo_analysis.cluster.account import BATCH_SECONDS
from zoo_analysis.cluster.placement import cpus
from zoo_analysis.cluster.worker import call

#: How often a task is tried when its worker dies; Ray does the retrying.
_ATTEMPTS = 3
#: Tasks in flight for each CPU: the one that it works on, and the next.
_TASKS_A_CPU = 2


@dataclass(frozen=True)
class Task:
    """A call for a worker, and what becomes of its result.

    Attributes:
        function: a remote function.
        arguments: of the call.
        done: takes the result; where the function returns several, the first, and references to
            the others.
        lost: makes of the error and the number of attempts what `done` gets instead, when the last
            attempt was lost with its worker.
        gpus: that it holds.
    """

    function: Any
    arguments: tuple[Any, ...]
    done: Callable[..., None]
    lost: Callable[[BaseException, int], Any]
    gpus: int = 0

    def submit(self) -> dict[Any, Callable[[], None]]:
        """Send it to Ray: a reference to its result, and what to call once that is there."""
        options = {"max_retries": _ATTEMPTS - 1, "num_gpus": self.gpus}
        results = self.function.options(**options).remote(*self.arguments)
        first, *others = results if isinstance(results, list) else [results]
        return {first: partial(self._finish, first, *others)}

    def _finish(self, first: Any, *others: Any) -> None:
        try:
            result = ray.get(first)
        except ray.exceptions.RayError as error:
            result = self.lost(error, _ATTEMPTS)
        self.done(result, *others)


def run_tasks(
    next_task: Callable[[int], Task | None], between: Callable[[], None] = lambda: None
) -> None:
    """Keep as many tasks in flight as keep every CPU busy, never more, until there are none left.

    Args:
        next_task: the task to send now, given how many may be in flight; None where there is none.
            None with nothing in flight ends the run.
        between: called after every result, and every `BATCH_SECONDS` without one.
    """
    places = _TASKS_A_CPU * cpus()
    in_flight: dict[Any, Callable[[], None]] = {}
    while True:
        while len(in_flight) < places and (task := next_task(places)) is not None:
            in_flight |= task.submit()
        if not in_flight:
            return
        done, _ = ray.wait(list(in_flight), timeout=BATCH_SECONDS)
        for reference in done:
            in_flight.pop(reference)()
        between()


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
    results: dict[int, Any] = {}
    calls = enumerate(arguments)

    def done(number: int, result: Any) -> None:
        results[number] = result
        on_done(len(results), number)

    def lost(number: int, error: BaseException, attempts: int) -> Any:
        if on_error is None:
            raise error
        return on_error(number, error)

    def next_task(places: int) -> Task | None:
        if (following := next(calls, None)) is None:
            return None
        number, each = following
        return Task(call, (function, *each), partial(done, number), partial(lost, number))

    run_tasks(next_task)
    return [result for _, result in sorted(results.items())]
