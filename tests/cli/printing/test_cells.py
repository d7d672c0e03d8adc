"""A column of numbers is read at one look: one notation, and never more than is so."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.cli.printing.cells import column_cells, percent


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([3.14159, 12.5, None], ["3.14", "12.50", ""]),
        ([1.0, 2.0, 16.0], ["1", "2", "16"]),
        ([0.5, 0.25], ["0.50", "0.25"]),
        ([0.97, 3e-9], ["9.700e-01", "3.000e-09"]),
        ([2.5e12, 1.0], ["2.500e+12", "1.000e+00"]),
        ([math.nan, math.inf, 0.5], ["", "inf", "0.5"]),
        ([0.0, 0.0], ["0", "0"]),
        ([1, 20_000_000_000], ["1", "20000000000"]),
        (["0123456789abcdef0123456789abcdef01234567"], ["0123456789"]),
        (["sha256-85e2544bcc8f5a58"], ["sha256-85e2544bcc"]),
        (["deadbeef", "main"], ["deadbeef", "main"]),
    ],
)
def test_a_column_has_one_notation(values: list[object], cells: list[str]) -> None:
    assert column_cells("x", values) == cells


@given(st.lists(st.floats(1e-6, 1e6), min_size=1))
def test_each_number_of_a_column_keeps_two_digits_and_all_have_as_many_decimals(
    values: list[float],
) -> None:
    cells = column_cells("x", values)
    assert [float(cell) for cell in cells] == pytest.approx(values, rel=0.051)
    assert len({len(cell.partition(".")[2]) for cell in cells}) == 1


def test_a_chance_that_underflows_is_not_none() -> None:
    assert column_cells("p_holm", [0.0, 0.25, None, 1.0]) == ["<1e-307", "0.25", "", "1.00"]
    assert column_cells("p_value", [0.0]) == ["<1e-307"]
    assert column_cells("value", [0.0, 0.25]) == ["0.00", "0.25"]


def test_shares_are_percent_and_no_part_is_nothing_or_all() -> None:
    assert column_cells("coverage", [0.4, 1.0, None]) == ["40%", "100%", ""]
    assert column_cells("coverage", [0.9999, 1.0, 0.0, 1e-5]) == ["99.9%", "100.0%", "0.0%", "0.1%"]
    assert (percent(0.999), percent(0.001)) == ("99%", "1%")
