"""Stand-ins of a replay for the results of tasks, and for the store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.planning.replay.alike import Group, Several
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.scanning.scan_tasks import (
    MeasuredPiece,
    OpenedModel,
    Scanned,
    ScannedBatch,
    scan_models,
)
from zoo_analysis.measure.rates import Spent
from zoo_analysis.measure.rows import Measured
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra import Method

_NO_ROWS: Final = Measured(pa.table({}), pa.table({}))
_MEASURED: Final = MeasuredPiece(_NO_ROWS, Spent("replayed"))


@dataclass(frozen=True)
class TaskPrice:
    """The time and the memory that a task takes.

    Attributes:
        cpu: seconds of each of its cores.
        gpu: seconds of a whole GPU.
        nbytes: that it reads.
        models: that it opens.
    """

    cpu: float
    gpu: float = 0.0
    nbytes: float = 0.0
    models: int = 0


def price_of(task: Task, groups: Mapping[ModelRef, Group], prices: Prices) -> TaskPrice:
    """The price of a task of a scan."""
    if task.function is scan_models:
        cpu = nbytes = 0.0
        opened = [groups[model.ref] for model in task.arguments[0]]
        for group in opened:
            cpu += group.copies * group.priced.opening
            if group.priced.small:
                cpu += sum(piece.cost.seconds for piece in group.pieces)
                nbytes += group.ref.nbytes
        return TaskPrice(cpu, 0.0, nbytes, sum(group.copies for group in opened))
    ref, piece, *_ = task.arguments
    return _of_piece(piece, groups[ref].priced.weight, task, prices)


def _of_piece(piece: Several, weight: float, task: Task, prices: Prices) -> TaskPrice:
    times, one = piece.times, piece.one
    nbytes = times * one.elements * weight
    if task.gpus:
        return TaskPrice(times * one.beside, times * one.gpu, nbytes)
    return TaskPrice(times * prices.on_cores(one, int(task.cpus)), 0.0, nbytes)


def answer_of(
    task: Task, price: TaskPrice, groups: Mapping[ModelRef, Group]
) -> ScannedBatch | MeasuredPiece:
    """The result of a task of a scan, without any rows."""
    if task.function is not scan_models:
        return _MEASURED
    opened = (groups[model.ref] for model in task.arguments[0])
    return ScannedBatch([_opened(group) for group in opened], {}, price.cpu)


class _Opened(OpenedModel):
    def rows(self, parts: Any, how: Method) -> Any:
        return _NO_ROWS


def _opened(group: Group) -> OpenedModel | Scanned:
    if group.priced.small:
        return Scanned(sum(piece.layers for piece in group.pieces), group.ref.nbytes, ())
    return _Opened(group.ref, {}, pa.table({}), group.pieces)


class _Alone:
    """A run beside which there is no other."""

    alone = True

    def __init__(self) -> None:
        self.progress = SimpleNamespace(running=0, elsewhere=0)

    def take(self, repo_ids: Iterable[str]) -> set[str]:
        return set(repo_ids)


class Audience:
    """Whoever is told of a scan of which nothing is kept: in the place of a `RunWriter`.

    Raises:
        RuntimeError: by `fail`, for nothing fails in a replay but what fits nowhere.
    """

    def __init__(self) -> None:
        self.summary = Summary("", "")
        self.watched = _Alone()

    def add(self, rows: object) -> None:
        """Nothing."""

    def report(self, ref: object) -> None:
        """Nothing."""

    def tell(self, event: object) -> None:
        """Nothing."""

    def add_model(self, rows: object) -> bool:
        """Nothing; its rows fit."""
        return True

    def fail(self, failed: Any, done: float = 0.0) -> None:
        """The failure is an error."""
        raise RuntimeError(f"{failed.ref.repo_id}: {failed.message}")
