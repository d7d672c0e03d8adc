"""Texts of strangers can be stored, stay different, and steer no terminal."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.texts import LONGEST, printable, size_in_words, storable, typeset

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


@pytest.mark.parametrize(
    ("nbytes", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (12_345, "12.3 kB"),
        (999_600, "1 MB"),
        (268_435_456, "268 MB"),
        (4e9, "4 GB"),
        (86.5e9, "86.5 GB"),
        (2e12, "2 TB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(nbytes: float, told: str) -> None:
    assert size_in_words(nbytes) == told


@given(st.floats(1, 1e20))
def test_a_size_is_told_to_three_digits(nbytes: float) -> None:
    number, unit = size_in_words(nbytes).split()
    scale = {"EB": 1e18, "PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3}.get(unit, 1)
    assert float(number) * scale == pytest.approx(nbytes, rel=5.01e-3, abs=0.5)
    assert float(number) < 1000 or unit == "EB"


def test_numbers_in_sentences_have_the_true_minus() -> None:
    assert typeset(f"{-0.934:+.2f}, {2e-5:.1g}") == "−0.93, 2e−05"
