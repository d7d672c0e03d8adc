"""A dataclass's rows become the table that Arrow itself would make of them."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.records import schema_of, table_of


@dataclass(frozen=True)
class Measured:
    name: str
    when: datetime
    count: int | None
    value: float
    seen: bool | None = None
    shape: list[int] | None = None


COLUMNS = {
    "name": pa.string(),
    "when": pa.timestamp("us", tz="UTC"),
    "count": pa.int64(),
    "value": pa.float64(),
    "seen": pa.bool_(),
    "shape": pa.list_(pa.int64()),
}
rows = st.builds(
    Measured,
    name=st.text(st.characters(exclude_categories=["Cs"])),
    when=st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1), timezones=st.just(UTC)),
    count=st.none() | st.integers(-(2**63), 2**63 - 1),
    value=st.floats(allow_nan=False),
    seen=st.none() | st.booleans(),
    shape=st.none() | st.lists(st.integers(0, 9)),
)


def test_a_field_is_a_column() -> None:
    assert schema_of(Measured) == pa.schema(list(COLUMNS.items()))


@settings(deadline=None)
@given(st.lists(rows))
def test_values_are_those_of_the_rows(measured: list[Measured]) -> None:
    expected = pa.Table.from_pylist([vars(row) for row in measured], schema_of(Measured))
    assert table_of(Measured, measured).equals(expected)


def test_nan_is_null() -> None:
    row = Measured("x", datetime.now(UTC), 1, float("nan"))
    assert table_of(Measured, [row])["value"].to_pylist() == [None]


def test_a_table_is_made_without_pandas() -> None:
    code = (
        "import sys; from dataclasses import make_dataclass; from zoo_analysis.records import *\n"
        "row = make_dataclass('Row', [('a', str), ('b', float | None)])\n"
        "table_of(row, [row('x', 1.5)]).to_pylist(); print('pandas' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
