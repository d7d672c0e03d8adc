"""The report in Debian's Chromium, from disk: it sorts, filters, draws, and runs nothing else."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.report.conftest import HOSTILE, PLAIN
from tests.report.page.conftest import CHROMIUM
from tests.report.page.reading import data_of
from zoo_analysis.report.page.markup import file_stem

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium"
)


def names(page: Page) -> list[str]:
    return page.locator("#board tbody th").all_inner_texts()


def column(page: Page, key: str) -> list[str]:
    keys = page.locator("#board thead th").evaluate_all("all => all.map((e) => e.dataset.key)")
    return page.locator(f"#board tbody tr :nth-child({keys.index(key) + 1})").all_inner_texts()


def test_the_leaderboard_sorts_searches_and_filters(page: Page, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    assert len(names(page)) == 10
    page.get_by_label("Series").select_option(label="nets")
    assert sorted(names(page)) == [*PLAIN]
    assert column(page, "rank") == [f"{place} of 5" for place in range(1, 6)]
    page.locator("[data-key=accuracy] button").click()
    assert names(page) == [*PLAIN]
    page.locator("[data-key=accuracy] button").press("Enter")
    assert names(page) == [*reversed(PLAIN)]
    assert page.locator("[data-key=accuracy]").get_attribute("aria-sort") == "descending"
    page.get_by_role("searchbox").fill("NET-3")
    assert names(page) == ["lab/net-3"]
    assert "1 of 1 models shown, of 10 in all." in page.locator("#told").inner_text()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    assert names(page) == ["lab/net-3"]
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#board tbody tr")).to_have_count(10)
    page.get_by_label("Ranked by").select_option("log_norm")
    page.get_by_label("Average").select_option("_median")
    page.get_by_label("Series").select_option(label="nets")
    data = data_of(folder / "data" / "leaderboard.js")
    values = data["ranked"]["all"]["log_norm_median"]["value"]
    by_name = {row[1]: value for row, value in zip(data["models"], values, strict=True)}
    assert names(page) == sorted(PLAIN, key=lambda name: by_name[name])


def test_an_accuracy_names_its_source_and_links_no_script(page: Page, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    told = page.locator("#board td [title*='as reported by']")
    assert told.count() == len(PLAIN)
    assert told.evaluate_all("all => all.map((e) => e.href).filter(Boolean)") == [
        "https://example.org/card"
    ]
    assert {told.nth(i).get_attribute("title") for i in range(5)} == {
        "accuracy on <s>digits</s>, as reported by card"
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_model_page_draws_its_figures_whatever_it_is_called(
    name: str, page: Page, folder: Path
) -> None:
    page.goto((folder / "models" / f"{file_stem(name)}.html").as_uri())
    assert page.locator("#depth .canvas svg[role=img] .point:not(.ring)").count() == 3
    data = data_of(folder / "data" / f"{file_stem(name)}-0.js")
    page.wait_for_selector("#spectrum .canvas[data-drawn]")
    bars = page.locator("#spectrum .canvas svg[role=img] .bar")
    assert bars.count() == sum(count > 0 for count in data[0]["counts"])
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#spectrum figcaption")).to_have_text(re.compile(r"^layers\.1\."))
    assert bars.count() == sum(count > 0 for count in data[1]["counts"])
    assert data[1]["text"] in page.locator("#spectrum figcaption").inner_text()
    page.locator("#layers button.layer").nth(2).press("Enter")
    expect(page.locator("#layer")).to_have_value("2")
    label = page.locator("#depth svg[role=img]").get_attribute("aria-label") or ""
    assert "over relative depth" in label


def test_the_drawn_spectrum_holds_its_data_and_the_law_meets_the_bars(
    page: Page, folder: Path
) -> None:
    page.goto((folder / "models" / f"{file_stem(PLAIN[0])}.html").as_uri())
    page.wait_for_selector("#spectrum .canvas[data-drawn]")
    boxes = page.locator("#spectrum .canvas svg[role=img]").evaluate(
        "svg => [svg, ...svg.querySelectorAll('.bar, .rule, .line')]"
        ".map((e) => e.getBoundingClientRect().toJSON())"
    )
    whole, *inner = boxes
    for box in inner:
        assert whole["left"] <= box["left"]
        assert box["right"] <= whole["right"]
    data = data_of(folder / "data" / f"{file_stem(PLAIN[0])}-0.js")[0]
    drawn = page.locator("#spectrum .canvas svg[role=img] .law").get_attribute("d") or ""
    (x0, y0), (x1, y1) = (map(float, pair) for pair in re.findall(r"([\d.]+),([-\d.]+)", drawn))
    assert x1 > x0
    assert y1 > y0  # downwards, as α is positive
    rule = page.locator("#spectrum .canvas svg[role=img] .rule.xmin").get_attribute("x1")
    assert float(rule or 0) == pytest.approx(x0, abs=0.2)
    assert data["law"][0][0] == pytest.approx({rule[0]: rule[1] for rule in data["rules"]}["xmin"])


def test_the_regression_line_passes_through_the_mean_of_its_points(
    page: Page, folder: Path
) -> None:
    page.goto((folder / "series" / f"{file_stem('nets')}.html").as_uri())
    for metric in ("alpha", "log_norm"):
        page.get_by_label("Metric").select_option(metric)
        found = page.locator("#regression svg[role=img]").evaluate(
            "svg => [[...svg.querySelectorAll('.point')].map((e) => e.getAttribute('transform')),"
            "svg.querySelector('.fit').getAttribute('d')]"
        )
        points = [list(map(float, re.findall(r"-?[\d.]+", each))) for each in found[0]]
        assert len(points) == len(PLAIN)
        (x0, y0), (x1, y1) = (
            map(float, pair) for pair in re.findall(r"([\d.]+),([-\d.]+)", found[1])
        )
        x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
        assert y0 + (y1 - y0) * (x - x0) / (x1 - x0) == pytest.approx(y, abs=0.5)
    first = page.locator("#regression svg[role=img] a").first
    assert (first.get_attribute("href") or "").endswith(f"{file_stem(PLAIN[0])}.html")


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_window_and_all_is_legible(
    width: int, scheme: Literal["light", "dark"], browser: Browser, folder: Path
) -> None:
    size = {"width": width, "height": 800}
    made = browser.new_context(viewport=size, color_scheme=scheme)
    tab = made.new_page()
    pages = [*folder.glob("*.html"), folder / "models" / f"{file_stem(HOSTILE[3])}.html"]
    pages.append(folder / "series" / f"{file_stem('nets')}.html")
    for path in pages:
        tab.goto(path.as_uri())
        wide = tab.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        assert tab.evaluate(_CONTRAST) >= 4.5, path
    made.close()


#: The contrast of text and paper (WCAG 2.1).
_CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll("body, a, .lead, figcaption, caption, dt, footer")];
  return Math.min(...texts.map((each) => {
    const ink = light(getComputedStyle(each).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  }));
}"""


def test_each_control_is_reached_by_keyboard_and_has_a_name(page: Page, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    nameless = page.evaluate(
        "[...document.querySelectorAll('input, select, button, a, [role=region], table')]"
        ".filter((e) => !e.labels?.length && !e.textContent.trim())"
        ".filter((e) => !e.getAttribute('aria-label')).length"
    )
    assert nameless == 0
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"search", "series", "library", "size", "metric", "form", "quality"} <= {*reached}


def test_the_policy_refuses_scripts_and_styles_that_are_no_files_of_the_report(
    context: BrowserContext, folder: Path
) -> None:
    tab = context.new_page()
    tab.goto((folder / "index.html").as_uri())
    refused: list[str] = []

    def all_four(message: ConsoleMessage) -> bool:
        refused.extend([message.text] if "Content Security Policy" in message.text else [])
        return len(refused) == 4

    with tab.expect_console_message(all_four):
        tab.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>"
                + "<p style='color: red' id=styled>x</p><img src='https://example.org/x.png'>");
              const script = document.createElement("script");
              script.textContent = "window.ran = 2";
              document.body.append(script);
            }"""
        )
    assert tab.evaluate("window.ran") is None
    assert tab.evaluate("getComputedStyle(styled).color") != "rgb(255, 0, 0)"
