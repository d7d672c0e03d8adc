"""Models of a comparison of lineages, opened and read in processes beside this one."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.processes.local_workers import LocalWorkers
from zoo_analysis.cluster.processes.serving import note, permit
from zoo_analysis.cluster.processes.task import Room, Task
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.scanning.batches import expected_seconds
from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.hub.access import DOWNLOADS, HubAccess, default_access
from zoo_analysis.sources import ModelRef

T = TypeVar("T")
#: What is made of a model.
Reading = Callable[[ModelRef, HubAccess | None], T]

#: Seconds of one core for which a process pays.
_WORTH_A_PROCESS: Final = 2.0
#: Multiply-adds for each byte of a model, and bytes of a task for each of it, up to a size.
_FLOPS_A_BYTE, _BYTES_A_BYTE, _LARGE = 64, 4, 4 << 30


def reading_limits(ref: ModelRef, limits: Limits) -> Limits:
    """Bounds of reading a model.

    Args:
        ref: the model.
        limits: of any.
    """
    return limits.of(ref.nbytes, _FLOPS_A_BYTE * ref.nbytes, reading_bytes(ref))


def reading_bytes(ref: ModelRef) -> int:
    """Bytes that reading a model may take, where it is one layer."""
    return _BYTES_A_BYTE * min(ref.nbytes, _LARGE)


def read_within(
    read: Reading[T], ref: ModelRef, access: HubAccess | None, limits: Limits
) -> T | Failure:
    """One model's reading, within bounds; what fails comes back as a `Failure`."""
    note(0, "lineage")
    try:
        with one_thread(), bounded(limits):
            return read(ref, access)
    except (Exception, LimitError) as error:
        return failure(ref, "lineage", error, access=access)


class ModelReader(ExitStack):
    """Processes that open and read models, any of which may cost one of them its life.

    They are started for the first models that are read.

    Args:
        writer: of the run; is told of models that cannot be read.
        access: how to reach the hub.
        limits: of a model, besides what its size explains.
    """

    def __init__(self, writer: RunWriter[Any], access: HubAccess | None, limits: Limits) -> None:
        super().__init__()
        self.writer, self.access, self.limits = writer, access, limits
        self._workers: LocalWorkers | None = None

    def each(
        self, read: Reading[T], refs: Mapping[int, ModelRef], done: Callable[[int, T], None]
    ) -> None:
        """Make something of each of some models.

        Args:
            read: makes it, importable.
            refs: the models, by their places.
            done: takes the place of a model and what was made of it; models that fail are told to
                the writer.
        """
        if not refs:
            return
        if self._workers is None:
            count = 1 + int(expected_seconds(refs.values()) / _WORTH_A_PROCESS)
            workers = LocalWorkers(min(os.cpu_count() or 1, count), DOWNLOADS)
            self._workers = self.enter_context(workers)
        waiting = iter(refs.items())

        def over(place: int, outcome: T | Failure) -> None:
            if isinstance(outcome, Failure):
                self.writer.fail(outcome)
            else:
                done(place, outcome)

        def next_task(room: Room) -> Task | None:
            if (following := next(waiting, None)) is None:
                return None
            place, ref = following
            called = read, ref, self._reach(ref), reading_limits(ref, self.limits)
            lost = partial(failure, ref, "lineage")
            return Task(read_within, called, partial(over, place), lost)

        run_tasks(next_task, self._workers, self.writer.commit_if_due)

    def _reach(self, ref: ModelRef) -> HubAccess | None:
        """How the model is reached, each download by permit."""
        return (
            replace(self.access or default_access(), gate=permit) if ref.source == "hub" else None
        )
