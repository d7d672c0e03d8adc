"""A study: a published experiment rerun small, and its outcome here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo_analysis.store import Store

#: Calls a function with each of many argument tuples, side by side or not, under a title that says
#: what is going on; results are in the order of the arguments, and the first exception is raised.
#: Arguments say what to do in plain values, arrays of NumPy among them, but no tensors: by them a
#: piece is known again (`pieces.kept`), and the pickle of a tensor is another one in every process.
Spread = Callable[[str, Callable[..., Any], Iterable[tuple[Any, ...]]], list[Any]]


def one_by_one(
    title: str, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
) -> list[Any]:
    """`Spread` without a cluster, in this process."""
    return [function(*each) for each in arguments]


@dataclass(frozen=True)
class Setting:
    """The circumstances of a study's run.

    Attributes:
        cache: directory for what it trains; kept between runs.
        seeds: how often each network is trained.
        spread: runs independent work side by side.
        store: which a study of the zoo at hand reads.
        small: a run to try the machinery (seconds, not minutes); its finding means nothing.
        data: folder of published data, for a study that reads such; fetched where it is None.
    """

    cache: Path
    seeds: int
    spread: Spread = one_by_one
    store: Store | None = None
    small: bool = False
    data: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """The findings of a study.

    Attributes:
        table: what is printed and kept, of schema `store.schemas.STUDIES` without study, run_id,
            seeds and computed_at, which the runner adds: one estimate a row, with its interval.
        seen: whether the published finding is seen here; None where this cannot be said.
        verdict: that in one sentence with the deciding numbers.
        similarities: rows for the table of that name, of its schema; None for none.
        cells: printed figures beside recomputed ones, of a study that has them: columns of
            `trends.printed_cells.Cell`. They are its result, and shown before the estimates.
        remarks: what a reader must know of them, in sentences.
    """

    table: pa.Table
    seen: bool | None
    verdict: str
    similarities: pa.Table | None = None
    cells: pa.Table | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A published experiment.

    Attributes:
        name: by which it is asked for; ``some-name`` is run by `zoo_analysis.studies.some_name`.
        title: one line.
        finding: the published finding, in one sentence.
        source: paper.
        seeds: how often networks are trained unless told otherwise.
        takes: about how long, on two cores, in minutes.
        reads_data: it reads published data, which are fetched unless `Setting.data` has them.
    """

    name: str
    title: str
    finding: str
    source: str
    seeds: int
    takes: float
    reads_data: bool = False

    def run(self, setting: Setting) -> Outcome:
        """The outcome here, of the study's own module: it imports torch, which takes seconds.

        Args:
            setting: the circumstances.
        """
        module = import_module(f"zoo_analysis.studies.{self.name.replace('-', '_')}")
        outcome: Outcome = module.run(setting)
        return outcome
