"""Rates of machine kinds as a store keeps them: measured once, corrected by every scan."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.measure.rates import CORRECTIONS, TYPICAL, KnownRates, Rates, Spent
from zoo_analysis.spectra.methods import Method
from zoo_analysis.store import Store, tables
from zoo_analysis.store.schemas import RATES

#: Scans whose departures from what was predicted are averaged: the latest ones.
_SCANS: Final = 10
#: Seconds of work from which a scan learns nothing, in all and of one thing.
_SHORT, _LITTLE = 20.0, 1.0


def known_rates(store: Store, how: Method) -> KnownRates:
    """Rates of machines under a method, as a store knows them.

    Of each kind the latest calibration counts, and the scans since then correct it, as the starts
    that were measured with it do; a kind that was scanned on and never calibrated has `TYPICAL`
    rates, corrected alike.
    """
    table = tables.load(store.location, "rates")
    if table is None:
        return KnownRates({})
    rows = tables.dataset(store.location, table).to_table().to_pylist()
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["method"] == how.id:
            by_kind[row["machine"]].append(row)
    return KnownRates({kind: _latest(each) for kind, each in by_kind.items()})


def _latest(rows: Sequence[Mapping[str, Any]]) -> Rates:
    calibrations = [row for row in rows if row["quantity"] not in CORRECTIONS]
    last = max(calibrations, key=lambda row: row["measured_at"], default=None)
    base, since = TYPICAL, datetime.min.replace(tzinfo=UTC)
    if last is not None:
        base = Rates.of_rows(row for row in calibrations if row["run_id"] == last["run_id"])
        since = last["measured_at"]
    later = [row for row in rows if row["measured_at"] >= since]
    return base.corrected(**{name: _learnt(later, name) for name in CORRECTIONS})


def _learnt(rows: Iterable[Mapping[str, Any]], quantity: str) -> float | None:
    """The mean of what scans found, in proportion to the work that each found it from."""
    found = sorted(
        (row for row in rows if row["quantity"] == quantity), key=lambda row: row["measured_at"]
    )[-_SCANS:]
    weight = sum(row["seconds"] for row in found)
    if not weight:
        return None
    return math.exp(sum(row["seconds"] * math.log(row["value"]) for row in found) / weight)


def learnt_rows(spent: Iterable[Spent], rates: KnownRates) -> list[dict[str, Any]]:
    """Corrections of the rates by which a scan was predicted: rows for `rate_rows`."""
    out = []
    for each in spent:
        if each.measuring + each.opening < _SHORT:
            continue
        used = rates.of(each.kind)
        for name, times, found, predicted in (
            ("measuring", used.measuring, each.measuring, each.predicted_measuring),
            ("opening", used.opening, each.opening, each.predicted_opening),
            ("starting", 1.0, each.starting, each.processes),
        ):
            if predicted and found > _LITTLE:
                value = times * found / predicted
                row = {"machine": each.kind, "quantity": name, "value": value, "seconds": found}
                out.append(row)
    return out


def start_rows(kind: str, **seconds: float) -> list[dict[str, Any]]:
    """Starts that were measured, as `learnt_rows` has corrections: by quantity, so many seconds."""
    return [
        {"machine": kind, "quantity": quantity, "value": each, "seconds": each}
        for quantity, each in seconds.items()
        if each > 0
    ]


def start_seconds(rates: Rates, few: bool, there: bool) -> float:
    """Seconds until processes take work.

    Args:
        rates: of this machine.
        few: whether they are some of this machine, without Ray.
        there: whether a Ray need not be started.
    """
    return rates.process + (0.0 if few or there else rates.ray)


def predicted(
    spent: Iterable[Spent], rates: KnownRates, cpus: float, gpus: float, start: float = 0.0
) -> float:
    """Seconds of wall clock that work was to take on all cores, or GPUs, side by side.

    Args:
        spent: by machine kind.
        rates: by which it was predicted.
        cpus: cores that there were.
        gpus: GPUs that there were.
        start: seconds until processes took work.
    """
    by_device: dict[bool, float] = defaultdict(float)
    starting = longest = 0.0
    for each in spent:
        by_device[each.gpu] += each.predicted
        longest = max(longest, each.longest)
        starting = max(starting, rates.of(each.kind).starting if each.processes else 0.0)
    work = max(by_device[False] / cpus, by_device[True] / gpus if gpus else 0.0)
    return start + starting + max(work, longest)


def rate_rows(rows: Iterable[Mapping[str, Any]], how: Method, run_id: str) -> pa.Table:
    """Rows of the table `rates`, as of now.

    Args:
        rows: their `machine`, `quantity`, `side`, `value` and `seconds`.
        how: the method.
        run_id: of the calibration or scan that found them.
    """
    mine = {"method": how.id, "run_id": run_id, "measured_at": datetime.now(UTC)}
    return pa.Table.from_pylist([{**row, **mine} for row in rows], schema=RATES)
