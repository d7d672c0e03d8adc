"""Reports of stores that are small, mixed or oddly named: nothing is lost, and pages open."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import torch

from tests.report.conftest import NOW, commit
from tests.report.figures.conftest import commit as commit_rows
from tests.report.figures.conftest import measured
from tests.report.page.conftest import CHROMIUM
from tests.report.page.reading import Page as Read
from tests.report.page.reading import data_of
from zoo_analysis import diagnose, rank
from zoo_analysis.report.page.build import build_report
from zoo_analysis.report.page.markup import file_stem
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import SCANS

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("lab/a", "lab/b", "lab/a,lab/b", "..", "-", "lab/net")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Models without accuracies, one of them by two methods and two revisions of each."""
    store = open_store(tmp_path_factory.mktemp("mixed") / "store")
    for number, name in enumerate(NAMES):
        commit(store, name, "nets", number)
    for number, (method, revision) in enumerate([("paper-1", "r1"), ("paper-1", "r2")]):
        commit(store, "lab/net", "nets", 20 + number, method=method, revision=revision)
    commit(store, "lab/net", "nets", 30, revision="r2")
    scan = {"scan_id": "scan", "started_at": NOW, "method": "default", "versions": "{}"}
    told = {**scan, "config": '{"fft_size": 8, "blocks": true, "of": "layers"}'}
    store.append("scans", pa.Table.from_pylist([told], schema=SCANS))
    return store


@pytest.fixture(scope="module")
def report(mixed: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(build_report(mixed, tmp_path_factory.mktemp("mixed") / "report").folder)


def test_a_model_of_several_methods_and_revisions_is_drawn_by_the_ranked_one(
    mixed: Store, report: Path
) -> None:
    (ranked,) = (row for row in rank(mixed).to_pylist() if row["repo_id"] == "lab/net")
    assert (ranked["method"], ranked["revision"]) == ("default", "r2")
    drawn = data_of(report / "data" / f"{file_stem('lab/net')}.js")
    layers = mixed.run(
        "FROM layers WHERE repo_id = 'lab/net' AND method = 'default' AND revision = 'r2' "
        "ORDER BY depth"
    ).to_pylist()
    assert drawn["metrics"]["alpha"] == pytest.approx([row["alpha"] for row in layers], rel=1e-4)
    read = Read(report / "models" / f"{file_stem('lab/net')}.html")
    found = diagnose(mixed, "lab/net", "r2", "default")
    assert all(each.text in read.text("td") for each in found.findings)
    assert [read.text("td").count(each) for each in ("paper-1", "default")] == [2, 2]
    board = data_of(report / "data" / "leaderboard.js")
    assert [row[1] for row in board["models"]].count("lab/net") == 1
    methods = Read(report / "method.html")
    assert {"default", "paper-1"} <= {text for tag, text in methods.texts if tag == "th"}
    # The scan that measured both is of one of them.
    assert [text for tag, text in methods.texts if tag == "td"].count("fft_size 8") == 2


def test_a_name_with_a_comma_is_one_name(mixed: Store, tmp_path: Path) -> None:
    made = build_report(mixed, tmp_path / "report", where="repo_id LIKE '%,%'")
    assert made.models == 1
    board = data_of(tmp_path / "report" / "data" / "leaderboard.js")
    assert board["ranked"]["all"]["alpha"]["rank"] == [1]
    assert board["ranked"]["all"]["alpha"]["of"] == [1]
    others = rank(mixed, where="repo_id LIKE 'lab/_'").to_pylist()
    assert {row["repo_id"] for row in others} == {"lab/a", "lab/b"}


def test_without_accuracies_pages_say_so(report: Path) -> None:
    read = Read(report / "series" / f"{file_stem('nets')}.html")
    assert "Models with a reported accuracy: 0; a regression needs" in read.text("p")
    assert "no reported accuracy" in Read(report / "series.html").text("p")
    assert not (report / "figures" / "metrics.png").exists()


def test_no_file_begins_with_a_dash_or_a_dot(report: Path) -> None:
    assert not [path for path in report.rglob("*") if path.name.startswith(("-", "."))]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_of_layers_without_a_fit_what_there_is_is_drawn(page: "Page", tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    kernel = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    row, esd = measured("tiny", kernel, 0)
    assert row["alpha"] is None
    commit_rows(store, "lab/tiny", [row], [esd])
    made = Path(build_report(store, tmp_path / "report").folder)
    page.goto((made / "models" / f"{file_stem('lab/tiny')}.html").as_uri())
    assert page.locator("#depth .canvas .point").count() > 0
    assert "alpha" not in page.locator("#depth-metric option").all_text_contents()
    told = page.locator("main").inner_text()
    assert "no layer of the network has a fit" in told
    assert "1 layer of lab/tiny over relative depth; none has α." in told
    page.wait_for_selector("#spectrum .canvas[data-drawn] .bar")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_every_page_opens_without_a_word_on_the_console(
    page: "Page", report: Path, tmp_path: Path
) -> None:
    one = open_store(tmp_path / "store")
    commit(one, "lab/only", None, 0)
    alone = Path(build_report(one, tmp_path / "alone").folder)
    for path in (*report.rglob("*.html"), *alone.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.locator("h1").inner_text()
        for figure in page.locator(".canvas").all():
            figure.locator("svg[role=img]").wait_for()
    page.goto((alone / "index.html").as_uri())
    assert page.locator("#board tbody th").all_text_contents() == ["lab/only"]
