"""The pages as they are read: what matters is on screen, and names, numbers and texts are whole."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.report.conftest import HOSTILE, PLAIN
from tests.report.page.conftest import CHROMIUM
from tests.report.page.reading import Page as Read
from tests.report.page.reading import data_of
from zoo_analysis.report.page.cell_texts import shown_number
from zoo_analysis.report.page.markup import file_stem
from zoo_analysis.store.schemas import LEADING_METRICS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium"
)


@pytest.fixture(params=[360, 1400])
def sized(request: pytest.FixtureRequest, browser: "Browser") -> Iterator["Page"]:
    """A tab of a phone's width, and of a desk's."""
    made = browser.new_context(viewport={"width": request.param, "height": 900})
    yield made.new_page()
    made.close()


def pages(folder: Path) -> list[Path]:
    """One of each kind, and those of the oddest names."""
    series, model = folder / "series", folder / "models"
    return [
        *sorted(folder.glob("*.html")),
        series / f"{file_stem('nets')}.html",
        *(model / f"{file_stem(name)}.html" for name in (PLAIN[0], HOSTILE[1], HOSTILE[3])),
    ]


#: Places at which a name goes on in another line, though it has no part's end there.
_BROKEN_WORDS = """() => {
  const bad = [];
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!node.parentNode.closest("td, th, h1, bdi, label")) continue;
    if (!node.parentNode.checkVisibility()) continue;
    const text = node.data;
    let before = null;
    for (let i = 0; i < text.length; i += 1) {
      range.setStart(node, i); range.setEnd(node, i + 1);
      const box = range.getClientRects()[0];
      if (!box || !box.width) continue;
      const word = /[^\\s/._\\-–—…]+$/.exec(text.slice(0, i))?.[0] ?? "";
      const rest = /^[^\\s/._\\-–—…]+/.exec(text.slice(i))?.[0] ?? "";
      const lower = before && box.top > before.top + before.height / 2;
      if (lower && word && rest && (word + rest).length < 14) bad.push(text);
      before = box;
    }
  }
  return bad;
}"""


def test_words_and_names_are_broken_between_their_parts_alone(sized: "Page", folder: Path) -> None:
    for path in pages(folder):
        sized.goto(path.as_uri())
        assert sized.evaluate(_BROKEN_WORDS) == [], path


#: Cells of prose that are not whole on screen, once one has gone to them.
_SLIVERS = """() => [...document.querySelectorAll("td.words")].filter((cell) => {
  if (!cell.textContent) return false;
  const scroll = cell.closest(".scroll");
  const head = cell.parentNode.querySelector("th");
  const [wide, held] = [cell, head].map((each) => each.getBoundingClientRect().width);
  const sticks = getComputedStyle(head).position === "sticky";
  return wide < 170 || wide > scroll.clientWidth - (sticks ? held : 0) + 1;
}).map((cell) => cell.textContent)"""


def test_prose_is_no_sliver(sized: "Page", folder: Path) -> None:
    for path in pages(folder):
        sized.goto(path.as_uri())
        assert sized.evaluate(_SLIVERS) == [], path


def test_of_the_leaderboard_what_matters_is_on_screen_at_once(sized: "Page", folder: Path) -> None:
    sized.goto((folder / "index.html").as_uri())
    width = sized.evaluate("innerWidth")
    needed = ["name", "rank", "chosen", "accuracy"] + ["remark", "series"] * (width > 1000)
    for key in needed:
        box = sized.locator(f"#board [data-key={key}]").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width, key


def test_a_series_models_and_regressions_have_their_remarks_on_screen(
    page: "Page", folder: Path
) -> None:
    page.goto((folder / "series" / f"{file_stem('nets')}.html").as_uri())
    for name in ("remark", "beware"):
        box = page.get_by_role("columnheader", name=name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 1400


def test_headings_tell_which_average_stands_below_them(page: "Page", folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    data = data_of(folder / "data" / "leaderboard.js")
    for form in ("", "_median", "_by_tail"):
        page.get_by_label("Average").select_option(form)
        head = page.locator("#board thead th").all_text_contents()
        body = [
            row.locator("th, td").all_text_contents()
            for row in page.locator("#board tbody tr").all()
        ]
        for metric in LEADING_METRICS:
            at = head.index(f"{metric}{form}")
            columns = data["ranked"]["all"][f"{metric}{form}"]
            values = {row[1]: v for row, v in zip(data["models"], columns["value"], strict=True)}
            shown = {row[0]: row[at] for row in body if row[0] in PLAIN}
            assert shown == {name: shown_number(float(values[name])) for name in PLAIN}


def test_numbers_of_scripts_and_of_templates_are_the_same(page: "Page", folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    generator = np.random.default_rng(0)
    values = [*(10 ** generator.uniform(-9, 9, 200) * generator.choice([-1, 1], 200)).tolist()]
    values += [0.0, 2.0, 0.5, 1000.0, 999.96, 1e7, 1e-3]
    told = page.evaluate("values => values.map((each) => zoo.number(each))", values)
    assert told == [shown_number(value) for value in values]
    whole = page.evaluate("[[59, null, 0], [59, 0.5]].map(zoo.whole)")
    assert whole == [True, False]
    assert page.evaluate("[59, -1234567].map((each) => zoo.number(each, true))") == [
        *("59", "−1,234,567")
    ]


#: Texts of charts that leave their picture, or lie on each other.
_CUT = """() => [...document.querySelectorAll(".canvas svg[role=img]")].flatMap((svg) => {
  const whole = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")];
  const boxes = texts.map((text) => text.getBoundingClientRect());
  const outside = (box) => box.left < whole.left - 1 || box.right > whole.right + 1
    || box.top < whole.top - 1 || box.bottom > whole.bottom + 1;
  const over = (a, b) => a.left < b.right && b.left < a.right
    && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  return texts.filter((text, i) => outside(boxes[i])
    || boxes.slice(0, i).some((other) => over(boxes[i], other))).map((text) => text.textContent);
})"""


def test_no_label_of_a_chart_is_cut_or_covered(sized: "Page", folder: Path) -> None:
    from playwright.sync_api import expect

    for path in pages(folder):
        sized.goto(path.as_uri())
        for select in sized.locator("#depth-metric, #regression-metric, #layer").all():
            for value in select.locator("option").all_text_contents():
                select.select_option(label=value)
                if (
                    select.get_attribute("id") == "layer"
                ):  # its spectrum is loaded when it is asked for
                    expect(sized.locator("#spectrum figcaption")).to_contain_text(value)
                assert sized.evaluate(_CUT) == [], (path, value)


def test_the_depth_figure_names_what_it_shows(page: "Page", folder: Path) -> None:
    page.goto((folder / "models" / f"{file_stem(PLAIN[0])}.html").as_uri())
    drawn = page.locator("#depth .canvas svg[role=img]")
    legend = page.locator("#depth .legend li")
    for metric in page.locator("#depth-metric option").all_text_contents():
        page.locator("#depth-metric").select_option(metric)
        told = " ".join(legend.all_text_contents())
        assert ("neither over- nor under-trained" in told) == (drawn.locator(".band").count() > 0)
        assert ("correlation flow" in told) == (drawn.locator(".line").count() > 0)
        assert ("named by a diagnosis" in told) == (drawn.locator(".ring").count() > 0)
    caption = page.locator("#depth figcaption").inner_text()
    assert not re.search("haded|ashed|inged", caption)


def test_the_first_spectrum_has_a_fit_where_any_has(page: "Page", folder: Path) -> None:
    for name in (PLAIN[0], HOSTILE[1]):
        page.goto((folder / "models" / f"{file_stem(name)}.html").as_uri())
        page.wait_for_selector("#spectrum .canvas[data-drawn]")
        assert page.locator("#spectrum .canvas svg[role=img] .law").count() == 1


def test_a_sentence_is_said_once(page: "Page", folder: Path) -> None:
    path = folder / "series" / f"{file_stem('nets')}.html"
    page.goto(path.as_uri())
    content = page.content()
    said = page.locator(".sentences li").all_text_contents()
    assert said
    for sentence in said:
        assert content.count(sentence) == 1
    chosen = page.locator(".sentences [aria-current]")
    for metric in page.locator("#regression-metric option").all_text_contents():
        page.locator("#regression-metric").select_option(metric)
        assert chosen.get_attribute("id") == f"told-{metric}"
        described = page.locator("#regression svg[role=img]").get_attribute("aria-describedby")
        assert described == f"told-{metric}"
        assert chosen.inner_text().startswith(f"{metric} ")


def test_stacked_tables_are_tables_for_a_screen_reader(sized: "Page", folder: Path) -> None:
    sized.goto((folder / "failures.html").as_uri())
    table = sized.get_by_role("table", name="Causes, the commonest first")
    rows = table.get_by_role("row")
    assert rows.count() == 2
    assert rows.nth(0).get_by_role("columnheader").count() == 7
    assert rows.nth(1).get_by_role("rowheader").all_text_contents() == ["CheckpointError"]
    assert rows.nth(1).get_by_role("cell").count() == 6


def test_a_page_fits_on_paper(browser: "Browser", folder: Path) -> None:
    width = round((297 - 20) / 25.4 * 96)  # A4 across, less its margins
    made = browser.new_context(viewport={"width": width, "height": 700})
    tab = made.new_page()
    tab.emulate_media(media="print")
    for path in pages(folder):
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
    made.close()


def test_versions_of_tables_are_called_versions(folder: Path) -> None:
    read = Read(folder / "method.html")
    assert "Delta version" in read.text("th")
    assert not re.search("WRITE|OPTIMIZE", read.text("p"))
    assert "Its last change: rows were added to" in read.text("p")
