"""Tables for readers fit the terminal, and tell what they leave out."""

import io
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.cli.printing.readable import write_readable, write_vertical


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
    text = " ".join(" ".join(lines(long)).split())
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
    assert head == "revision 0123456789"
    assert "0123456789" not in "\n".join(rest)
    two = lines(WIDE.select(["repo_id", "revision"]).slice(0, 2))
    assert "revision" in two[0]
    assert two[0].split() == ["repo_id", "revision"]


def test_a_first_column_that_is_the_same_in_all_rows_gives_its_place_to_the_next() -> None:
    table = pa.table({"series": [None] * 3, "metric": ["a", "b", "c"], "n": [1, 2, 3]})
    assert [line.split() for line in lines(table)[:2]] == [
        ["without", "a", "value:", "series"],
        ["metric", "n"],
    ]
    alike = pa.table({"a": ["x"] * 3, "b": ["y"] * 3})
    assert [line.split() for line in lines(alike)[:2]] == [["a", "x"], ["b"]]


def test_columns_without_a_value_are_named() -> None:
    table = pa.table({"a": ["x", "y", "z"], "likes": pa.nulls(3, pa.int64())})
    assert lines(table)[0] == "without a value: likes"


def test_decimal_points_stand_below_each_other() -> None:
    table = pa.table({"x": ["a", "b", "c"], "alpha": [3.25, 112.5, 0.5]})
    rows = [line for line in lines(table) if "." in line]
    assert len({line.index(".") for line in rows}) == 1
    assert len(rows) == 3


NAMES = st.lists(
    st.text("ghijklm./_-:@", min_size=1, max_size=90).filter(lambda name: name.strip("-")),
    min_size=4,
    max_size=6,
)


@given(NAMES, NAMES, st.sampled_from([40, 60, 80, 120]))
def test_no_part_of_a_name_is_ever_left_out(first: list[str], then: list[str], width: int) -> None:
    count = min(len(first), len(then))
    table = pa.table({"model": first[:count], "layer": then[:count]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        for writer in (write_readable, write_vertical):
            shown = lines(table, writer)
            assert max(map(len, shown)) <= width
            assert not any("…" in line for line in shown)
            told = Counter("".join(shown))
            for name in ("".join(set(first[:count])), "".join(set(then[:count]))):
                assert all(told[letter] >= n for letter, n in Counter(name).items())


def test_names_go_on_behind_a_separator_where_there_is_no_room() -> None:
    layer = "model.language_model.layers.11.self_attn.q_proj.weight"
    shown = lines(pa.table({"model": [f"owner/net-{i}" for i in "ab"], "layer": [layer] * 2}))
    assert shown[2:] == [f"owner/net-{i}  {layer}" for i in "ab"]
    long = layer.replace(".layers", ".layers" * 8)
    shown = lines(pa.table({"model": ["owner/net-a", "owner/net-b"], "layer": [long] * 2}))
    pieces = [line[11:].strip() for line in shown[2:]]
    assert "".join(pieces) == long * 2
    assert all(piece.endswith((".", "_", "weight")) for piece in pieces)


def test_a_name_takes_a_second_line_only_where_that_saves_a_table() -> None:
    names = [f"models/of-some-series/network-{i}" for i in range(6)]
    few = pa.table({"model": names, "better": names, "alpha": [0.5] * 5 + [1.5]})
    assert all(f"{name}  {name}" in "\n".join(lines(few)) for name in names)
    apart = few.append_column("warning", [["over-trained, short-tail"] * 5 + ["none"]])
    heads = [line.split() for line in lines(apart) if line.startswith("model ")]
    assert heads == [["model", "better", "alpha", "warning"]]
    assert not any(f"{name}  {name}" in "\n".join(lines(apart)) for name in names)


def test_what_does_not_tell_rows_apart_keeps_its_columns_together() -> None:
    layers = [f"stages.1.blocks.{i}.conv_mid.conv" for i in range(4)]
    table = pa.table(
        {
            "model": ["sentence-transformers/all-MiniLM-L6-v2"] * 3 + ["lab/net"],
            "layer": layers,
            "warning": ["over-trained"] * 3 + ["short-tail"],
        }
    )
    head = next(line for line in lines(table) if line.startswith("model"))
    assert head.split() == ["model", "layer", "warning"]


def test_two_columns_that_tell_rows_apart_only_together_stand_in_every_table() -> None:
    pairs = [(series, metric) for series in ("resnet", "vgg") for metric in ("alpha", "log_norm")]
    numbers = {f"a_number_that_is_called_{i}": [i + 0.125, 2.5, 3.5, 4.5] for i in range(9)}
    table = pa.table({"series": [s for s, _ in pairs], "metric": [m for _, m in pairs], **numbers})
    told = [line.split() for line in lines(table)]
    heads = [row for row in told if row[:2] == ["series", "metric"]]
    assert len(heads) > 1
    assert [tuple(row[:2]) for row in told if tuple(row[:2]) in pairs] == pairs * len(heads)


def test_a_long_text_that_all_rows_share_is_broken_in_the_heading() -> None:
    versions = "versions " + ", ".join(f"package-{i} 1.{i}.0" for i in range(12))
    table = pa.table({"scan": ["a", "b", "c"], "remark": [versions] * 3})
    shown = lines(table)
    assert max(map(len, shown)) <= 80
    heading = shown[: next(i for i, line in enumerate(shown) if line.startswith("scan"))]
    assert " ".join(" ".join(heading).split()) == f"remark {versions}"
    assert all(line.startswith("  ") for line in heading[1:])


def test_prose_has_room_where_that_takes_fewer_lines() -> None:
    short, long = (
        "a sentence that says what was measured and of what it was",
        "and how sure one is " * 10,
    )
    told = {
        name: [f"{i} {text}" for i in "abcd"] for name, text in (("study", short), ("of", long))
    }
    table = pa.table({"name": list("wxyz"), **told, "source": told["study"]})
    heads = [line.split() for line in lines(table) if line.startswith("name")]
    assert heads == [["name", "study", "of"], ["name", "source"]]


def test_prose_is_broken_at_blanks() -> None:
    prose = lines(pa.table({"name": ["n"] * 2, "remark": ["as long as this line " * 8] * 2}))
    assert " ".join(" ".join(prose).split()).count("as long as this line") == 16


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
