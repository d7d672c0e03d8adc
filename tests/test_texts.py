"""Texts of strangers can be stored, stay different, and steer no terminal."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.texts import LONGEST, printable, storable

#: Any characters at all, halves of surrogate pairs among them.
ANY = st.text(st.characters(exclude_categories=()), max_size=50)


@given(ANY)
def test_whatever_it_is_it_can_be_stored_and_printed(text: str) -> None:
    kept = storable(text)
    assert pa.array([kept]).to_pylist() == [kept]
    assert storable(kept) == kept
    assert "\n" not in printable(text)
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)


@given(ANY)
def test_what_needs_no_cleaning_is_not_touched(text: str) -> None:
    if text.isprintable():
        assert storable(text) == text == printable(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a\ud800", "a\ud801"),
        ("a\x00", "a"),
        ("a\nb", "a b"),
        ("x" * 5000 + "y" + "x" * 5000, "x" * 5001 + "y" + "x" * 4999),
    ],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert storable(one) != storable(other)
    assert len(storable(one)) <= LONGEST


def test_characters_of_every_script_are_kept() -> None:
    for text in ("шкала", "模型", "مدل", "é", "🤗"):
        assert storable(text) == printable(text) == text
