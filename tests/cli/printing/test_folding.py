"""A text that is wider than its column goes on in the next line, and nothing of it is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from zoo_analysis.cli.printing.folding import folded, longest_piece


@given(st.text("ab1./_-:语 ", max_size=80), st.integers(2, 40))
def test_the_lines_of_a_text_are_the_text_and_fit(text: str, width: int) -> None:
    lines = folded(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    if cell_len(text) <= width:
        assert lines == [text] or text.startswith(" ")


@given(st.lists(st.sampled_from(["net", "layer", "0", "conv_mid"]), min_size=1), st.integers(9, 30))
def test_a_name_is_broken_behind_its_separators(parts: list[str], width: int) -> None:
    for separator in "./-:":
        lines = folded(separator.join(parts), width)
        assert all(line.endswith((separator, "_")) for line in lines[:-1])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("encoder.layer.0.intermediate.dense", ["encoder.layer.0.", "intermediate.dense"]),
        ("under-trained, short-tail", ["under-trained,", "short-tail"]),
        ("/home/me/of-the-zoo/store", ["/home/me/of-the-zoo/", "store"]),
        ("a" * 25, ["a" * 20, "a" * 5]),
        ("", [""]),
    ],
)
def test_folded(text: str, lines: list[str]) -> None:
    assert folded(text, 20) == lines


def test_the_longest_piece_is_what_no_line_may_break() -> None:
    assert longest_piece(["encoder.layer.0.intermediate.dense", "short"]) == len("intermediate.")
    assert longest_piece(["well-known words"], kept=10) == len("well-known")
    assert longest_piece([]) == 0
