"""Stand-ins of a replay for models, for the results of tasks, and for the store."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.planning.replay.prices import PricedModel, Prices, elements_of, kernel_of
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.scanning.scan_tasks import (
    MeasuredPiece,
    OpenedModel,
    Scanned,
    ScannedBatch,
    scan_models,
)
from zoo_analysis.measure.cost import Piece
from zoo_analysis.measure.rates import Spent
from zoo_analysis.measure.rows import Measured
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra import Method

_NO_ROWS: Final = Measured(pa.table({}), pa.table({}))


@dataclass(frozen=True)
class Group:
    """Alike models that are scanned one after the other, as if they were one.

    Attributes:
        ref: by which the schedule knows them.
        priced: one of them.
        copies: how many they are.
    """

    ref: ModelRef
    priced: PricedModel
    copies: int


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


def groups_of(model: ZooModel, prices: Prices, grain: float) -> Iterator[Group]:
    """A model's copies in groups of which no task takes more than `grain` seconds, or one copy."""
    priced = prices.model(model)
    longest = priced.opening + max(piece.cost.seconds for piece in priced.pieces)
    most = max(1, int(grain / longest))
    for start in range(0, model.copies, most):
        copies = min(most, model.copies - start)
        name = f"{model.name}/{start}"
        ref = ModelRef(name, "replayed", name, "hub", copies * model.nbytes)
        yield Group(ref, priced, copies)


def price_of(task: Task, groups: Mapping[ModelRef, Group], prices: Prices) -> TaskPrice:
    """The price of a task of a scan."""
    if task.function is scan_models:
        cpu = nbytes = 0.0
        opened = [groups[model.ref] for model in task.arguments[0]]
        for group in opened:
            cpu += group.copies * group.priced.opening
            if group.priced.small:
                cpu += group.copies * group.priced.measuring
                nbytes += group.ref.nbytes
        return TaskPrice(cpu, 0.0, nbytes, sum(group.copies for group in opened))
    ref, scaled, *_ = task.arguments
    group = groups[ref]
    piece = scaled.one
    read = sum(elements_of(kernel_of(spec)) for spec in piece.specs) * group.priced.nbytes
    if task.gpus:
        cpu, gpu = prices.on_gpu(piece)
        return TaskPrice(group.copies * cpu, group.copies * gpu, group.copies * read)
    cpu = prices.on_cores(piece, int(task.cpus))
    return TaskPrice(group.copies * cpu, 0.0, group.copies * read)


def answer_of(
    task: Task, groups: Mapping[ModelRef, Group], prices: Prices
) -> ScannedBatch | MeasuredPiece:
    """The result of a task of a scan, without any rows."""
    if task.function is scan_models:
        opened = (groups[model.ref] for model in task.arguments[0])
        taken = price_of(task, groups, prices).cpu
        return ScannedBatch([_opened(group) for group in opened], {}, taken)
    return MeasuredPiece(_NO_ROWS, Spent("replayed"))


@dataclass(frozen=True)
class _Several(Piece):
    """A piece of several alike models, and that of one of them."""

    one: Piece


class _Opened(OpenedModel):
    def rows(self, parts: Any, how: Method) -> Any:
        return _NO_ROWS


def _opened(group: Group) -> OpenedModel | Scanned:
    if group.priced.small:
        return Scanned(len(group.priced.pieces[0].specs), group.ref.nbytes, ())
    several = []
    for piece in group.priced.pieces:
        cost = replace(piece.cost, seconds=group.copies * piece.cost.seconds)
        several.append(_Several(piece.specs, cost, piece))
    return _Opened(group.ref, {}, pa.table({}), several)


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
