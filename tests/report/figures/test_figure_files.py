"""Figures as files: each suffix its format, and no page that asks a network."""

import json
import re
from pathlib import Path

import altair as alt
import pytest

from zoo_analysis.errors import ZooError
from zoo_analysis.report.figures import file_name, save
from zoo_analysis.report.figures.theme import embedded, finished

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m\ud800"
LONG = HOSTILE + "x" * 10_000


@pytest.fixture(scope="module")
def chart() -> alt.Chart:
    drawn = alt.Chart(embedded([{"x": 1.0, "name": LONG}, {"x": float("nan"), "name": "b"}]))
    y = alt.Y("name:N").title(HOSTILE)
    return finished(drawn.mark_point().encode(x="x:Q", y=y), LONG, [HOSTILE])


@pytest.mark.parametrize(
    ("suffix", "beginning"),
    [
        (".png", b"\x89PNG\r\n\x1a\n"),
        (".svg", b"<svg"),
        (".pdf", b"%PDF-"),
        (".html", b"<!DOCTYPE html>"),
        (".json", b"{"),
        (".PNG", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_a_file_is_what_its_suffix_says(
    chart: alt.Chart, suffix: str, beginning: bytes, tmp_path: Path
) -> None:
    assert save(chart, tmp_path / f"figure{suffix}").read_bytes().startswith(beginning)


def test_the_json_is_the_chart(chart: alt.Chart, tmp_path: Path) -> None:
    spec = json.loads(save(chart, tmp_path / "figure.json").read_text())
    assert list(spec["datasets"].values()) == list(chart.to_dict()["datasets"].values())
    alt.TopLevelSpec.validate(spec)


def page_and_script(chart: alt.Chart, folder: Path) -> tuple[str, str]:
    """A page without the libraries' script, and that."""
    page = save(chart, folder / "figure.html").read_text()
    before, _, rest = page.partition("<script>")
    script, _, after = rest.partition("</script>")
    return f"{before}<script></script>{after}", script


def test_a_page_carries_all_that_it_needs_and_asks_nobody(chart: alt.Chart, tmp_path: Path) -> None:
    page, script = page_and_script(chart, tmp_path)
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)\s*=", page)
    assert "default-src 'none'" in page
    assert "window.vegaEmbed" in script


def test_names_of_strangers_end_no_script_and_make_no_markup(
    chart: alt.Chart, tmp_path: Path
) -> None:
    page, script = page_and_script(chart, tmp_path)
    assert "</script" not in script
    assert page.count("</script") == 2, "those of the page"
    assert "<img" not in page
    spec = chart.to_dict()
    assert len(spec["title"]["text"]) < 100
    assert not re.search("[\u202e\x1b]", json.dumps(spec["title"], ensure_ascii=False))


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--<SCRIPT>", "</ScRiPt "]
)
def test_no_text_ends_the_script_in_which_a_notebook_is_shown_a_chart(text: str) -> None:
    """Altair writes a chart's JSON there as it is; so does its own `save`."""
    y = alt.Y("name:N").title(text).sort([text])
    points = alt.Chart(embedded([{"x": 1.0, "name": text}])).mark_point().encode(x="x:Q", y=y)
    panel = points.properties(title={"text": text, "subtitle": [text]})
    drawn = finished(alt.vconcat(panel, alt.layer(points)), text, [text])
    shown = drawn._repr_mimebundle_()
    for page in (shown["text/html"], drawn.to_html()):
        before, _, _ = page.partition(json.dumps(drawn.to_dict()["title"])[1:-1])
        assert before != page, "the chart's JSON is in the page"
        assert len(re.findall("<script", page, re.I)) == len(re.findall("</script", page, re.I))
    spec = json.dumps(drawn.to_dict(), ensure_ascii=False)
    assert not re.search("<(/?script|!--)", spec, re.I)
    assert spec.count("‹") > 6


def test_other_suffixes_and_places_are_refused(chart: alt.Chart, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"\.gif: its suffix is to be one of \.png, \.svg"):
        save(chart, tmp_path / "figure.gif")
    with pytest.raises(ZooError, match=r"cannot write .*No such file or directory"):
        save(chart, tmp_path / "nowhere" / "figure.png")


def test_a_file_is_called_after_what_it_shows() -> None:
    assert file_name("esd", "lab/net", "layers.0.fc") == "esd-lab-net-layers.0.fc.png"
    assert file_name("esd", "../../etc", "<img>") == "esd-etc-img.png"
    assert len(file_name("esd", "x" * 1000)) < 120
