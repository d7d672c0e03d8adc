"""Tables for readers fit the terminal, and tell what they leave out."""

import io

import pyarrow as pa
import pytest

from zoo_analysis.cli.printing.readable import elided, write_readable, write_vertical


def lines(table: pa.Table, writer: object = write_readable) -> list[str]:
    stream = io.StringIO()
    writer(table, stream)  # type: ignore[operator]
    return stream.getvalue().splitlines()


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


WIDE = pa.table(
    {
        "repo_id": [f"owner/network-{i}" for i in range(4)],
        "revision": ["0123456789abcdef0123456789abcdef01234567"] * 4,
        "layer": [f"model.language_model.layers.{i}.self_attn.q_proj.weight" for i in range(4)],
        "remark": ["the fit is of a tail that is as short as this remark is long"] * 3 + ["none"],
        **{f"log_spectral_norm_{i}": [0.5 * i, 1.25, 2.0, None] for i in range(12)},
    }
)


def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (40, 80, 132):
        monkeypatch.setenv("COLUMNS", str(width))
        assert max(map(len, lines(WIDE))) <= width
        assert max(map(len, lines(WIDE, write_vertical))) <= width


def test_columns_without_room_follow_in_further_tables_with_the_first_one() -> None:
    table = WIDE.drop_columns(["revision"])
    text = "\n".join(lines(table))
    heads = [line.split() for line in lines(table) if line.startswith("repo_id")]
    assert 1 < len(heads) <= 3
    assert "more column" not in text
    assert text.count("owner/network-3") == len(heads)
    assert "norm_11" in text


def test_columns_without_room_in_a_long_table_are_named() -> None:
    long = pa.concat_tables([WIDE] * 60)
    text = " ".join(lines(long))
    shown, left = text.split(" more columns (-f vertical or csv): ")
    names = left.split(", ")
    assert names == WIDE.column_names[-len(names) :]
    assert int(shown.split()[-1]) == len(names)
    assert "owner/network-3" in shown


def test_times_are_never_cut() -> None:
    times = pa.array([f"2026-11-0{i}T10:00:00" for i in range(1, 5)]).cast(pa.timestamp("s"))
    text = "\n".join(lines(WIDE.select(["layer", "remark"]).append_column("at", times)))
    assert "2026-11-04" in text


def test_what_is_the_same_in_all_rows_is_told_once_above() -> None:
    head, *rest = lines(WIDE.select(["repo_id", "revision", "layer"]))
    assert head == "in all rows: revision 0123456789"
    assert "0123456789" not in "\n".join(rest)
    two = lines(WIDE.select(["repo_id", "revision"]).slice(0, 2))
    assert "revision" in two[0]
    assert "in all rows" not in two[0]


def test_columns_without_a_value_are_named() -> None:
    table = pa.table({"a": ["x", "y", "z"], "likes": pa.nulls(3, pa.int64())})
    assert lines(table)[0] == "without a value: likes"


def test_decimal_points_stand_below_each_other() -> None:
    table = pa.table({"x": ["a", "b", "c"], "alpha": [3.25, 112.5, 0.5]})
    rows = [line for line in lines(table) if "." in line]
    assert len({line.index(".") for line in rows}) == 1
    assert len(rows) == 3


def test_names_are_elided_in_the_middle_and_prose_is_not() -> None:
    shown = lines(
        pa.table({"n": ["a"] * 2, "layer": [f"model.layers.{i}.weight" * 5 for i in "12"]})
    )
    assert all("…" in line for line in shown[2:])
    prose = lines(pa.table({"name": ["n"] * 2, "remark": ["as long as this line " * 8] * 2}))
    assert not any("…" in line for line in prose)
    assert " ".join(" ".join(prose).split()).count("as long as this line") == 16
    assert elided("model.layers.11.self_attn.q_proj", 15) == "model.l….q_proj"
    assert elided("short", 15) == "short"


def test_one_row_that_does_not_fit_is_shown_column_by_column() -> None:
    shown = lines(WIDE.slice(0, 1))
    assert shown[0].startswith("1 of 1 ─")
    assert [line.split()[0] for line in shown if line[0] != " "][1:] == WIDE.column_names


def test_vertical_has_a_line_a_column_and_a_rule_a_row() -> None:
    table = pa.table({"name": ["a", "b"], "alpha": [1.5, None]})
    assert lines(table, write_vertical) == [
        "1 of 2 " + "─" * 73,
        "name   a",
        "alpha  1.5",
        "2 of 2 " + "─" * 73,
        "name   b",
        "alpha",
    ]
