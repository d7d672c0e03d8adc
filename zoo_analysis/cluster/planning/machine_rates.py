"""Rates of machine kinds as a store keeps them: measured once, corrected by every scan."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.measure.rates import CORRECTIONS, TYPICAL, Rates
from zoo_analysis.spectra.methods import Method
from zoo_analysis.store import Store, tables
from zoo_analysis.store.schemas import RATES

#: Scans whose departures from what was predicted are averaged: the latest ones.
_SCANS: Final = 10


@dataclass(frozen=True)
class KnownRates:
    """Rates of the machine kinds that a store knows, under one method.

    Attributes:
        measured: by machine kind, corrected by what scans took.
        typical: of all other kinds.
    """

    measured: Mapping[str, Rates]
    typical: Rates = TYPICAL

    def of(self, kind: str) -> Rates:
        """The rates of a machine kind."""
        return self.measured.get(kind, self.typical)


def known_rates(store: Store, how: Method) -> KnownRates:
    """What a store knows of machines under a method.

    Of each kind the latest calibration counts, and the scans since then correct it; a kind that was
    scanned on and never calibrated has `TYPICAL` rates, corrected alike.
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
    later = [row for row in rows if row["measured_at"] > since]
    return base.corrected(*(_correction(later, quantity) for quantity in CORRECTIONS))


def _correction(rows: Iterable[Mapping[str, Any]], quantity: str) -> float:
    """The mean of what scans found, in proportion to the work that each found it from."""
    found = sorted(
        (row for row in rows if row["quantity"] == quantity), key=lambda row: row["measured_at"]
    )[-_SCANS:]
    weight = sum(row["seconds"] for row in found)
    if not weight:
        return 1.0
    return math.exp(sum(row["seconds"] * math.log(row["value"]) for row in found) / weight)


def rate_rows(rows: Iterable[Mapping[str, Any]], how: Method, run_id: str) -> pa.Table:
    """Rows of the table `rates`, as of now.

    Args:
        rows: their `machine`, `quantity`, `side`, `value` and `seconds`.
        how: the method.
        run_id: of the calibration or scan that found them.
    """
    mine = {"method": how.id, "run_id": run_id, "measured_at": datetime.now(UTC)}
    return pa.Table.from_pylist([{**row, **mine} for row in rows], schema=RATES)
