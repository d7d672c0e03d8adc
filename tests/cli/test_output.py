"""Tables for readers are short and whole; tables for machines are exact."""

import csv
import io
import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from zoo_analysis.cli.output import brief, write_table
from zoo_analysis.errors import ZooError

TABLE = pa.table(
    {
        "layer": ["blocks.0.attn.qkv[q]", "head|last", None],
        "shape": pa.array([[64, 3, 3, 3], [10, 64], None], pa.list_(pa.int64())),
        "alpha": [3.14159265358979, math.nan, None],
        "N": [123456789, 2, None],
        "when": [datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), None, None],
    }
)


def printed(capsys: pytest.CaptureFixture[str], table: pa.Table, format: str) -> str:
    write_table(table, format)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_a_terminal_table_shows_four_digits_and_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, TABLE, "table")
    assert "blocks.0.attn.qkv[q]" in text  # brackets are not markup
    assert "64x3x3x3" in text
    assert "3.142" in text
    assert "123456789" in text
    assert "nan" not in text
    assert "None" not in text
    assert "\x1b" not in text


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no rows" in printed(capsys, TABLE.slice(0, 0), "table")


def test_text_from_others_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, pa.table({"x": ["\x1b[2Jgone\r\nnext"]}), "table")
    assert "\x1b" not in text
    assert "gone  next" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.14159, "3.142"),
        (12.0, "12"),
        (0.0, "0"),
        (-0.001234567, "-0.001235"),
        (1.23456e-9, "1.235e-09"),
        (123456.789, "123457"),
        (9999.9, "10000"),
        (9999.4, "9999"),
        (1.5e12, "1.500e+12"),
        (math.inf, "inf"),
        (math.nan, ""),
        (None, ""),
        (True, "true"),
        (123456789012, "123456789012"),
        (Decimal("7.25"), "7.25"),
        (Decimal(12345678901234567890), "12345678901234567890"),
        ([1.5, 2.5, 3.5], "3 values"),
        ([64, 3, 3, 3], "64x3x3x3"),
    ],
)
def test_brief(value: object, shown: str) -> None:
    assert brief(value) == shown


@given(st.floats(-1e300, 1e300))
def test_what_is_shown_is_within_four_digits_of_the_value(value: float) -> None:
    assert float(brief(value)) == pytest.approx(value, rel=5.01e-4, abs=0)


def test_csv_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(capsys, TABLE, "csv"))))
    assert rows[0] == {
        "layer": "blocks.0.attn.qkv[q]",
        "shape": "64x3x3x3",
        "alpha": "3.14159265358979",
        "N": "123456789",
        "when": "2024-05-06T07:08:09+00:00",
    }
    assert (rows[1]["alpha"], rows[2]["layer"]) == ("", "")


def test_json_is_a_list_of_exact_records(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, TABLE, "json"))
    assert rows[0]["alpha"] == 3.14159265358979
    assert rows[0]["shape"] == [64, 3, 3, 3]
    assert rows[0]["when"] == "2024-05-06T07:08:09+00:00"
    assert [rows[1]["alpha"], rows[2]["alpha"]] == [None, None]
    assert json.loads(printed(capsys, TABLE.slice(0, 0), "json")) == []
    odd = pa.table({"x": [math.inf], "n": [Decimal(3)], "l": [[1.5, math.nan]], "s": [{"a": 1}]})
    assert json.loads(printed(capsys, odd, "json")) == [
        {"x": None, "n": 3, "l": [1.5, None], "s": {"a": 1}}
    ]


def test_json_lines_are_the_records_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, TABLE, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(printed(capsys, TABLE, "json"))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_machine_formats_keep_every_digit(values: list[float]) -> None:
    table = pa.table({"x": pa.array(values, pa.float64())})
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        write_table(table, "csv")
        text = stream.getvalue()
        stream.truncate(0)
        stream.seek(0)
        write_table(table, "json")
    assert [float(line) for line in text.splitlines()[1:]] == values
    assert [row["x"] for row in json.loads(stream.getvalue())] == values


def test_markdown_escapes_what_would_end_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, TABLE, "markdown").splitlines()
    assert lines[0] == "| layer | shape | alpha | N | when |"
    assert lines[1] == "| --- | --- | ---: | ---: | --- |"
    assert lines[3].startswith(r"| head\|last | 10x64 |")
    assert len(lines) == 5


#: Texts of strangers that are markup: pictures and links, tags, code, emphasis, entities, escapes.
MARKUP = (
    "![x](https://example.org/pixel)", "[read me](javascript:alert(1))", "<img src=x onerror=a()>",
    "<https://example.org>", "<!-- hidden", "`a|b`", "**bold** _it_ __all__ ~~not~~ *",
    "a\\|b", "\\", "&lt;b&gt; &amp;", "[a]: b", "x_y_1.conv_2 | z",
    "=cmd|' /C calc'!A0", "{{ 7 }}", "'; DROP",
)  # fmt: skip


def test_markdown_shows_texts_of_strangers_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Rendered by markdown-it."""
    table = pa.table({"name": MARKUP, MARKUP[0]: MARKUP[::-1]})
    page = (
        MarkdownIt("commonmark", {"html": True})
        .enable(["table", "strikethrough"])
        .render(printed(capsys, table, "markdown"))
    )
    tags = set(re.findall(r"<(/?\w+)", page))
    assert {tag.strip("/") for tag in tags} == {"table", "thead", "tbody", "tr", "th", "td"}
    cells = [unescape(cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", page)]
    assert cells == ["name", MARKUP[0], *chain(*zip(MARKUP, MARKUP[::-1], strict=True))]


def test_markdown_leaves_names_of_models_and_layers_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "timm/vit_base_patch16-224.augreg_in21k@layers.0.attn.qkv[q] (1x2)"
    assert f"| {name} |" in printed(capsys, pa.table({"name": [name]}), "markdown")


@pytest.mark.parametrize("format", ["table", "vertical", "csv", "json", "jsonl", "markdown"])
def test_a_file_holds_what_would_be_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    text = printed(capsys, TABLE, format)
    write_table(TABLE, format, tmp_path / "out")  # type: ignore[arg-type]
    assert (tmp_path / "out").read_text(encoding="utf-8") == text
    told = capsys.readouterr()
    assert told.out == ""
    assert " ".join(told.err.split()) == f"3 rows written to {tmp_path / 'out'}"


def test_parquet_is_the_table_itself_and_needs_a_file(tmp_path: Path) -> None:
    table = TABLE.drop_columns("alpha")  # NaN equals nothing
    write_table(table, "parquet", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(table)
    with pytest.raises(ZooError, match="-o FILE"):
        write_table(TABLE, "parquet")


def test_an_unwritable_file_or_unknown_format_is_one_line(tmp_path: Path) -> None:
    for format in ("csv", "table", "parquet"):
        with pytest.raises(ZooError, match=r"cannot write .*nowhere"):
            write_table(TABLE, format, tmp_path / "nowhere" / "out")  # type: ignore[arg-type]
    with pytest.raises(ZooError, match="unknown format 'xml': choose one of table, vertical, csv"):
        write_table(TABLE, "xml")  # type: ignore[arg-type]
