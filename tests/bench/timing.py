"""Rows of a benchmark's table, and timings to fill them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        benchmark: which one.
        case: of what.
        ours: median seconds (or MB) of this project.
        other: median of what it is compared with.
        ratio: as `unit` says.
        target: what was promised of the ratio.
        runs: how many timings each median is of.
        note: what else is worth knowing.
    """

    benchmark: str
    case: str
    ours: float
    other: float
    ratio: float
    target: str
    runs: int
    note: str = ""


def median_seconds(
    function: Callable[[], Any], runs: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median seconds of `runs` calls: of wall clock, or by another clock."""
    times = []
    for _ in range(runs):
        start = clock()
        function()
        times.append(clock() - start)
    return statistics.median(times)


def paired_medians(
    first: Callable[[], Any],
    second: Callable[[], Any],
    runs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Medians of two functions called in turn, so that both see the same machine."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for function, into in zip((first, second), times, strict=True):
            start = clock()
            function()
            into.append(clock() - start)
    return statistics.median(times[0]), statistics.median(times[1])
