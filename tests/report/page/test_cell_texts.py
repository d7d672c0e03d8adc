"""Numbers of a column have one form, and names may break where they have parts."""

import re

import numpy as np
import pytest
from markupsafe import Markup

from zoo_analysis.report.page.cell_texts import broken, called, link, shown_number, shown_numbers

SHOWN = {
    2.0: "2.000",
    0.5: "0.5000",
    99.999: "100.0",
    999.94: "999.9",
    999.96: "1,000",
    -1234.4: "−1,234",
    0.00012345: "1.234e−4",
    -2.5e-12: "−2.500e−12",
    1e7: "1.000e7",
    6.02214e23: "6.022e23",
    0.0: "0",
    float("nan"): "",
    float("inf"): "",
}


@pytest.mark.parametrize(("value", "text"), SHOWN.items())
def test_a_number_has_four_digits_and_keeps_its_zeros(value: float, text: str) -> None:
    assert shown_number(value) == text


def test_four_digits_are_off_by_half_of_the_last_at_most() -> None:
    for value in 10 ** np.random.default_rng(0).uniform(-9, 9, 500):
        read = float(shown_number(float(value)).replace(",", "").replace("−", "-"))
        assert read == pytest.approx(value, rel=6e-4)


def test_counts_are_whole_and_so_is_a_column_of_whole_numbers_alone() -> None:
    assert [shown_number(each) for each in (1234567, -3, True, None)] == [
        *("1,234,567", "−3", "yes", "")
    ]
    assert shown_numbers([59.0, None, 0.0]) == ["59", "", "0"]
    assert shown_numbers([59.0, 0.5]) == ["59.00", "0.5000"]
    assert shown_numbers([93.0, float("nan")]) == ["93.00", ""]


def test_names_break_after_their_parts_and_read_as_they_are() -> None:
    name = "timm/vgg11.tv_in1k__x"
    assert broken(name) == "timm/<wbr>vgg11.<wbr>tv_<wbr>in1k__<wbr>x"
    assert re.sub("<wbr>", "", broken(name)) == name
    assert broken("a_") == "a_"
    assert broken("<b>/&.") == "&lt;b&gt;/<wbr>&amp;."
    assert broken(Markup('<a href="x.html">')) == '<a href="x.html">'
    assert len(called("x" * 10_000)) < 200
    assert link("models/<.html", "<i>") == '<a href="models/&lt;.html"><bdi>&lt;i&gt;</bdi></a>'
    assert link(None, "a/b") == "<bdi>a/<wbr>b</bdi>"
