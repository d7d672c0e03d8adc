"""What reports tell of lineage, of differences from bases, and of predictions that met a report."""

from pathlib import Path

import pyarrow as pa
import pytest

import zoo_analysis
from tests.report.conftest import HOSTILE, PLAIN, commit, kin
from tests.report.page.reading import Page
from tests.support import family_tree as family
from zoo_analysis.answers.portraits import portraits
from zoo_analysis.report.page.build import build_report
from zoo_analysis.report.page.cell_texts import shown_power
from zoo_analysis.report.page.lineage_page import Lineages, lineage_files
from zoo_analysis.report.page.markup import Crumbs, file_stem
from zoo_analysis.report.page.model_sections import section_values
from zoo_analysis.report.page.predictions_page import Forecasts
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import LINEAGE


def of_model(folder: Path, name: str) -> Page:
    return Page(folder / "models" / f"{file_stem(name)}.html")


def test_the_page_of_lineage_holds_declared_against_found(folder: Path) -> None:
    page = Page(folder / "lineage.html")
    told = (
        "5 models compared by their weights, 5 pairs: 2 kin, 1 of them by no card; 1 kin by cards "
        "and not by weights; of 1 it cannot be told."
    )
    assert told in page.text("p")
    assert told in Page(folder / "index.html").text("p")
    cells = [text for tag, text in page.texts if tag in ("th", "td")]
    start = cells.index("one is the other's base")
    assert cells[start : start + 12] == [
        *("one is the other's base", "1", "0", "1"),
        *("an ancestor in common", "0", "1", "0"),
        *("say nothing of it", "1", "1", "0"),
    ]
    assert "2 steps" in page.text("span")
    assert (cells.count("yes"), cells.count("not told")) == (1, 2)
    assert "<b>no layer</b>" in page.text("td")
    assert page.text("td").count("5.012e−413") == 3  # two steps, one of them undeclared
    assert (folder / "figures" / "lineage.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_page_says_whom_it_came_from(folder: Path) -> None:
    child, base = (of_model(folder, name) for name in (PLAIN[0], HOSTILE[0]))
    assert "Derived from " in child.text("p")
    assert ", p = 5.012e−413." in child.text("p")
    address = f"../models/{file_stem(HOSTILE[0])}.html"
    assert address in [link["href"] for link in child.all("a")]
    assert "3 models that weights or cards call kin" in child.text("span")
    assert "Gave rise to " in base.text("p")
    assert "in no direction that weights tell, to " in base.text("p")
    assert ", p = 5.012e−413, of which no card says so." in base.text("p")
    assert "Its weights were compared with none" in of_model(folder, PLAIN[3]).text("p")
    assert "2 models that weights or cards" not in of_model(folder, PLAIN[1]).text("span")


def test_predictions_stand_beside_what_was_reported_later(folder: Path) -> None:
    page = Page(folder / "predictions.html")
    told = (
        "3 predictions of accuracies that nobody had reported, 1 more could not be made; 2 have "
        "met a report since, 1 of these inside the interval (90% are to be)."
    )
    assert told in page.text("p")
    assert told in Page(folder / "index.html").text("p")
    listed = "3 predictions and 1 that could not be made, those that have met a report first"
    assert listed in page.text("span")
    cells = [text for tag, text in page.texts if tag == "td"]
    assert (cells.count("inside"), cells.count("outside")) == (1, 1)
    assert "1 of 2" in cells
    one = of_model(folder, PLAIN[4]).text("li")
    assert "predicted 90.00, 90% interval 88.00 to 92.00; later reported 96.00: outside." in one
    assert "nothing is reported yet" in of_model(folder, HOSTILE[1]).text("li")
    assert "<b>beyond</b> all that is reported" in of_model(folder, HOSTILE[2]).text("li")


def test_of_models_none_of_which_could_be_predicted_nothing_waits_for_a_report() -> None:
    record = {"made": 0, "predictions": 4, "met": 0, "inside": 0, "level": 0.9}
    assert Forecasts([record], []).in_words == (
        "0 predictions of accuracies that nobody had reported, 4 could not be made."
    )


def test_a_condition_holds_of_pairs_and_predictions(strange: Store) -> None:
    site = Crumbs("", (), dict.fromkeys(PLAIN, "models/x.html"), {}, "")
    told = Lineages.ask(strange, site, "library = 'timm'").in_words
    assert told.startswith("3 models compared by their weights, 3 pairs: 0 kin; 1 kin by cards")
    assert Forecasts.ask(strange, site, "library = 'timm'").in_words.startswith("2 predictions")
    files = dict(lineage_files(Lineages.ask(strange, site, "x"), strange, site, "x"))
    assert [*files] == ["lineage.html"]  # the figure is of all models
    assert "Only pairs of models of this report." in str(files["lineage.html"])


def test_lineage_changes_the_pages_of_its_models_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    for number, name in enumerate((*PLAIN[1:3], "lab/apart")):
        commit(store, name, f"series-{number}", number)
    build_report(store, tmp_path / "report")
    files = [path for path in (tmp_path / "report").rglob("*.*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    rows = [row for row in kin() if row["repo_id_a"] == PLAIN[1]]
    store.append("lineage", pa.Table.from_pylist(rows, schema=LINEAGE))
    build_report(store, tmp_path / "report")
    changed = {path.name for path in files if path.stat().st_mtime_ns != before[path]}
    assert changed == {
        *("index.html", "lineage.html", "method.html", "report.json"),
        *(f"{file_stem(name)}.html" for name in PLAIN[1:3]),
    }


def test_differences_of_real_models_are_on_their_pages(tmp_path: Path) -> None:
    x, y = family.digits()
    base = family.stack(0)
    family.saved(base, tmp_path / "lab" / "base")
    tuned = family.saved(family.trained(base, x, y, 20, 1), tmp_path / "lab" / "tuned", "lab/base")
    store = open_store(tmp_path / "store")
    found = zoo_analysis.delta(str(tuned), store=store)
    zoo_analysis.lineage([str(tmp_path / "lab")], store)
    ((portrait,),) = portraits(store, ["lab/tuned"])
    site = Crumbs("", (), {"lab/base": "models/base.html"}, {}, "")
    values = section_values(portrait, site, "../")
    (shown,) = values["deltas"]
    changes = sorted(found.layers["relative_change"].to_pylist())
    intruders = sum(found.layers["num_intruders"].to_pylist())
    assert shown["words"] == (
        f"Of 3 layers the change ‖ΔW‖/‖W‖ is {changes[1]:#.4g} in the median, at most "
        f"{changes[2]:#.4g}; {intruders:.0f} intruder dimensions in 3 of them."
    )
    assert shown["base"].startswith('<a href="../models/base.html">')
    assert shown["revision"] == found.base_revision.removeprefix("sha256-")[:12]
    assert [row[2] for row in shown["rows"]] == [f"{each:#.4g}" for each in changes[::-1]]
    (told,) = values["lineage_told"]
    assert told.startswith("Derived from ")
    assert "of which no card says so" not in told


@pytest.mark.parametrize(
    ("log10", "shown"),
    [(None, ""), (0.0, "1.000"), (-2.0, "0.01000"), (-5.5, "3.162e−6"), (-412.3, "5.012e−413")],
)
def test_a_chance_is_shown_however_small_it_is(log10: float | None, shown: str) -> None:
    assert shown_power(log10) == shown
