"""The loop of every run: so many tasks in flight, what comes back, and who is told of it."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import ray

from zoo_analysis.cluster.account import BATCH_SECONDS, Event
from zoo_analysis.cluster.placement import cpus
from zoo_analysis.cluster.task_limits import LimitError, Limits, why_ended
from zoo_analysis.cluster.worker import call

#: How often a task is tried when its worker dies, and when it was ended for taking too much.
_ATTEMPTS, _ATTEMPTS_BEYOND_LIMITS = 3, 2
#: Tasks in flight for each CPU: the one that it works on, and the next.
_TASKS_A_CPU = 2


#: References to results, and what to call when each is there: it returns what is sent anew.
InFlight = dict[Any, Callable[[], "InFlight"]]

OnEvent = Callable[[Event], None]
OnStart = Callable[[int, int], None]


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
        limits: within which the worker ends it; None leaves it alone, and Ray does the retrying.
        remade: Ray does the retrying all the same, which also brings back results that were lost
            with a node.
        attempt: how often it has been tried.
    """

    function: Any
    arguments: tuple[Any, ...]
    done: Callable[..., None]
    lost: Callable[[BaseException, int], Any]
    gpus: int = 0
    limits: Limits | None = None
    remade: bool = False
    attempt: int = 1

    def submit(self) -> "InFlight":
        """Send it to Ray: a reference to its result, and what to call once that is there."""
        retries = _ATTEMPTS - 1
        if self.limits:
            retries = _ATTEMPTS_BEYOND_LIMITS - 1 if self.remade else 0
        options = {"max_retries": retries, "num_gpus": self.gpus}
        arguments = (*self.arguments, self.limits) if self.limits else self.arguments
        results = self.function.options(**options).remote(*arguments)
        first, *others = results if isinstance(results, list) else [results]
        return {first: partial(self._finish, time.monotonic(), first, *others)}

    def _finish(self, start: float, first: Any, *others: Any) -> "InFlight":
        """Hand on the result; what is in flight anew where there is none."""
        try:
            result = ray.get(first)
        except ray.exceptions.RayError as lost:
            attempts, most, error = _ATTEMPTS, _ATTEMPTS, cast("BaseException", lost)
            if self.limits:
                error = why_ended(first, lost, self.limits, time.monotonic() - start)
                beyond = isinstance(error, ray.exceptions.OutOfMemoryError | LimitError)
                attempts = _ATTEMPTS_BEYOND_LIMITS if self.remade else self.attempt
                most = _ATTEMPTS_BEYOND_LIMITS if beyond or self.remade else _ATTEMPTS
            if attempts < most:
                return replace(self, attempt=self.attempt + 1).submit()
            result = self.lost(error, attempts)
        self.done(result, *others)
        return {}


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
    in_flight: InFlight = {}
    while True:
        while len(in_flight) < places and (task := next_task(places)) is not None:
            in_flight |= task.submit()
        if not in_flight:
            return
        done, _ = ray.wait(list(in_flight), timeout=BATCH_SECONDS)
        for reference in done:
            in_flight |= in_flight.pop(reference)()
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


def listeners(
    what: str, on_event: OnEvent | None, on_start: OnStart | None, *, steps: bool = False
) -> tuple[OnEvent | None, OnStart | None]:
    """Those who are told of a run: the caller's, or else a bar where the caller is a notebook.

    Args:
        what: the run does, in one word.
        on_event: of the caller.
        on_start: of the caller.
        steps: whether the bar counts steps of the work, as `on_start` is told of them, not models.
    """
    if on_event is not None or on_start is not None or not _in_notebook():
        return on_event, on_start
    from tqdm.auto import tqdm

    bar: Any = tqdm(desc=what, unit="step" if steps else "model")

    def start(models: int, work: int) -> None:
        bar.reset(work if steps else models)

    def event(done: Event) -> None:
        if steps or done.kind in ("scanned", "skipped", "failed"):
            bar.update()
        if bar.n == bar.total:
            bar.close()

    return event, start


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return getattr(shell.get_ipython(), "kernel", None) is not None if shell else False
