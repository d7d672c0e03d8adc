"""The report's files: what they tell is what the store holds, and strangers' texts are text."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import HOSTILE, PLAIN, commit
from tests.report.page.reading import Page, data_of
from zoo_analysis.answers.diagnosis import diagnose
from zoo_analysis.answers.ranking import rank
from zoo_analysis.answers.regressions import regress
from zoo_analysis.answers.remarks.regression_words import told_of_regression
from zoo_analysis.cli import main
from zoo_analysis.errors import QueryError, ZooError
from zoo_analysis.report.page.build import build_report
from zoo_analysis.report.page.cell_texts import scaled, web_address
from zoo_analysis.report.page.markup import file_stem, plain, script
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import LEADING_COLUMNS, QUALITIES


def model_page(folder: Path, name: str) -> Path:
    return folder / "models" / f"{file_stem(name)}.html"


def test_every_model_and_series_has_a_page_that_the_others_reach(
    strange: Store, folder: Path
) -> None:
    assert {path.name for path in (folder / "models").iterdir()} == {
        f"{file_stem(name)}.html" for name in (*PLAIN, *HOSTILE)
    }
    for path in folder.rglob("*.html"):
        page = Page(path)
        parts = [*page.all("a"), *page.all("script"), *page.all("img"), *page.all("link")]
        for part in parts:
            address = part.get("href") or part.get("src") or ""
            if not address.startswith(("http", "#")):
                assert (path.parent / address).resolve().is_file(), (path, address)


def test_nothing_of_a_stranger_is_markup(folder: Path) -> None:
    allowed = {
        *("html", "head", "meta", "title", "link", "script", "body", "a", "header", "p", "nav"),
        *("ul", "li", "main", "h1", "h2", "h3", "footer", "div", "table", "caption", "thead"),
        *("tr", "th", "tbody", "td", "bdi", "dl", "dt", "dd", "details", "summary", "pre", "code"),
        *("figure", "figcaption", "label", "select", "button", "input", "form", "noscript", "img"),
        *("section", "span"),
    }
    for path in folder.rglob("*.html"):
        page = Page(path)
        assert {tag for tag, _ in page.elements} <= allowed, path
        for tag, attributes in page.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            if tag == "script":
                assert attributes["src"]
            if tag == "a":
                assert re.match(r"https?://|#|[\w./-]+$", attributes["href"] or ""), attributes
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029]", path.read_text())
    assert "<img src=x onerror=alert(1)>/net" in Page(model_page(folder, HOSTILE[0])).text("bdi")
    for path in (folder / "data").iterdir():
        assert "<" not in path.read_text()
        assert path.read_text().isascii()


def test_the_page_may_load_its_own_files_alone(folder: Path) -> None:
    for path in folder.rglob("*.html"):
        (policy,) = (
            each["content"]
            for each in Page(path).all("meta")
            if each.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy is not None
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "http" not in policy


def test_the_leaderboard_has_the_ranks_of_the_ranking(strange: Store, folder: Path) -> None:
    data = data_of(folder / "data" / "leaderboard.js")
    names = [row[1] for row in data["models"]]
    assert len(names) == len(PLAIN) + len(HOSTILE)
    for quality in QUALITIES:
        for metric in LEADING_COLUMNS[::6]:
            try:
                rows = rank(strange, metric, quality=quality).to_pylist()
            except QueryError:
                rows = []
            columns = data["ranked"][quality][metric]
            ranks = {plain(row["repo_id"]): row["rank"] for row in rows}
            assert ranks == {
                name: place
                for name, place, of in zip(names, columns["rank"], columns["of"], strict=True)
                if of is not None
            }
            for row in rows:
                place = names.index(plain(row["repo_id"]))
                assert columns["value"][place] == plain(row["value"], 9)
    accuracy = {row[1]: row[5:] for row in data["models"]}
    assert accuracy["lab/net-2"] == [93, "accuracy on <s>digits</s>", "card", "javascript:alert(5)"]


def test_a_series_page_draws_the_regression_that_its_sql_gives(
    strange: Store, folder: Path
) -> None:
    data = data_of(folder / "data" / f"series-{file_stem('nets')}.js")
    page = Page(folder / "series" / f"{file_stem('nets')}.html")
    points, command = (part.strip() for part in page.text("code").split("zoo ")[:2])
    where = shlex.split(command)[-1]
    assert command == shlex.join(["regress", "--by", "series", "--where", where])
    rows = strange.run(points).to_pylist()
    assert [row["repo_id"] for row in rows] == [name for name, _ in data["models"]] == [*PLAIN]
    assert [row["value"] for row in rows] == data["accuracies"]
    for row in regress(strange, by="series").to_pylist():
        drawn = data["metrics"][row["metric"]]
        assert [each[row["metric"]] for each in rows] == pytest.approx(drawn["values"], rel=1e-4)
        x, y = np.array(drawn["line"]).T
        assert y == pytest.approx(row["intercept"] + row["slope"] * x, rel=1e-3)
        assert page.text("li").count(told_of_regression(row)) == 1
    shown = regress(strange, by="series", where=where).to_pylist()
    assert {row["series"] for row in shown} == {"nets"}


def test_a_model_page_tells_what_the_store_holds(strange: Store, folder: Path) -> None:
    page = Page(model_page(folder, HOSTILE[1]))
    found = diagnose(strange, HOSTILE[1])
    for finding in found.findings:
        assert finding.text in page.text("td")
    assert "<i>bias</i>" in page.text("th")
    assert "9,600 of 10,011 parameters" in page.text("p")
    assert "<u>mine</u>" in page.text("bdi")
    data = data_of(folder / "data" / f"{file_stem(HOSTILE[1])}.js")
    layers = strange.run(
        "FROM network_layers WHERE repo_id = $name ORDER BY depth", {"name": HOSTILE[1]}
    ).to_pylist()
    assert data["layers"] == [row["layer"] for row in layers]
    assert data["metrics"]["alpha"] == pytest.approx([row["alpha"] for row in layers], rel=1e-4)


def test_a_spectrum_holds_every_eigenvalue_and_its_law_lies_on_the_tail(
    strange: Store, folder: Path
) -> None:
    drawn = data_of(folder / "data" / f"{file_stem(PLAIN[0])}-0.js")
    rows = strange.run(
        "SELECT l.*, eigenvalues FROM layers l JOIN esds USING (repo_id, revision, method, layer) "
        "WHERE repo_id = $name ORDER BY depth",
        {"name": PLAIN[0]},
    ).to_pylist()
    assert len(drawn) == len(rows) == 3
    for spectrum, row in zip(drawn, rows, strict=True):
        evals = np.array(row["eigenvalues"])
        assert sum(spectrum["counts"]) == spectrum["of"] == len(evals)
        assert spectrum["ends"] == pytest.approx([evals[0], evals[-1]], rel=1e-4)
        (x0, y0), (x1, y1) = spectrum["law"]
        assert -np.log(y1 / y0) / np.log(x1 / x0) == pytest.approx(row["alpha"], rel=1e-3)
        # What the line holds from xmin on is the share of the eigenvalues that was fitted.
        assert y0 * x0 / (row["alpha"] - 1) == pytest.approx(
            row["num_pl_spikes"] / len(evals), rel=1e-3
        )


def test_an_update_writes_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    for number in range(3):
        commit(store, f"lab/net-{number}", f"series-{number}", number)
    first = build_report(store, tmp_path / "report")
    assert (first.models, first.unchanged, first.removed) == (3, 0, 0)
    again = build_report(store, tmp_path / "report")
    assert (again.written, again.unchanged, again.removed) == (0, first.written, 0)
    assert (
        again.bytes
        == first.bytes
        == sum(path.stat().st_size for path in (tmp_path / "report").rglob("*") if path.is_file())
    )
    kept = tmp_path / "report" / "notes.txt"
    kept.write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "report").rglob("*.*")}
    commit(store, "lab/other", "series-2", 9)
    build_report(store, tmp_path / "report")
    changed = {
        path.relative_to(tmp_path / "report").as_posix()
        for path in (tmp_path / "report").rglob("*.*")
        if before.get(path) != path.stat().st_mtime_ns
    }
    other, third = file_stem("lab/other"), file_stem("lab/net-2")
    assert changed == {
        *("index.html", "data/leaderboard.js", "series.html", "method.html", "report.json"),
        *("figures/coverage.png", "failures.html", f"series/{file_stem('series-2')}.html"),
        *(f"models/{other}.html", f"data/{other}.js", f"data/{other}-0.js"),
        f"models/{third}.html",  # no longer alone in its series
    }
    fewer = build_report(store, tmp_path / "report", where="parameters > 10001")
    assert fewer.models == 2
    assert {path.stem for path in (tmp_path / "report" / "models").iterdir()} == {other, third}
    assert kept.read_text() == "mine"


def test_a_condition_holds_of_every_model_of_the_report(strange: Store, tmp_path: Path) -> None:
    made = build_report(strange, tmp_path / "r", where="library = 'timm' AND value > 91")
    assert made.models == 4
    data = data_of(tmp_path / "r" / "data" / "leaderboard.js")
    assert [row[1] for row in data["models"]] == [*PLAIN[1:]]
    assert set(data["ranked"]["all"]["alpha"]["of"]) == {4}
    page = Page(tmp_path / "r" / "method.html")
    assert """--where 'library = '"'"'timm'"'"' AND value > 91'""" in page.text("code")
    assert HOSTILE[0] not in Page(tmp_path / "r" / "releases.html").text()
    with pytest.raises(QueryError, match="no model has parameters < 0"):
        build_report(strange, tmp_path / "none", where="parameters < 0")


def test_a_folder_of_something_else_is_left_alone(strange: Store, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(ZooError, match="has files and is no report: name a new folder"):
        build_report(strange, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "report.json").write_text(
        json.dumps({"made_by": "zoo report", "files": {"../outside": "x"}})
    )
    outside = tmp_path.parent / "outside"
    outside.write_text("…")
    build_report(strange, tmp_path)
    assert outside.exists()


def test_averages_without_layers_have_a_page(tmp_path: Path) -> None:
    from zoo_analysis import import_tables

    table = tmp_path / "table.csv"
    table.write_text(
        "model,series,alpha,log_norm,dataset,top1\na,s,2.5,1.0,d,70\nb,s,3.5,2.0,d,60\n"
    )
    import_tables(tmp_path / "store", [table])
    made = build_report(tmp_path / "store", tmp_path / "report")
    assert made.models == 2
    (page,) = (path for path in (tmp_path / "report" / "models").iterdir() if path.name < "b")
    assert "averages only" in Page(page).text("p")


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("timm/vgg11.tv_in1k", "timm-vgg11-tv-in1k"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con"),
        ("模型", "unnamed"),
        ("..", "unnamed"),
        ("-", "unnamed"),
        ("-rf", "rf"),
        ("x" * 900, "x" * 48),
    ],
)
def test_files_are_called_after_models_safely(name: str, readable: str) -> None:
    assert re.fullmatch(rf"{readable}-[0-9a-f]{{10}}", file_stem(name))
    assert file_stem(name) != file_stem(name.swapcase() + "!")


def test_data_are_finite_short_and_no_markup() -> None:
    told = {"a": [1.23456789, float("nan"), float("inf"), None, True, 3.0], "b": "</script>\u2028"}
    assert script("x", told) == (
        '(window.zooData??={})["x"]='
        '{"a":[1.2346,null,null,null,true,3],"b":"\\u003c/script\\u003e "};\n'
    )
    assert web_address("https://example.org/a?b=c") == "https://example.org/a?b=c"
    for address in (
        "javascript:alert(1)",
        " https://x",
        "https://x y",
        'https://x"',
        None,
        "data:",
    ):
        assert web_address(address) is None
    assert [scaled(each) for each in (None, 0, 999, 4_649_536, 7e9)] == [
        *("", "0", "999", "4.65 M", "7 G")
    ]


def test_the_command_line_prints_the_page_to_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(tmp_path / "store")
    commit(store, "lab/net", None, 0)
    with pytest.raises(SystemExit, match="0"):
        main(["report", "--store", store.uri, "-o", str(tmp_path / "report")])
    told, index = capsys.readouterr().out.splitlines()
    assert told.startswith("1 model: ")
    assert Path(index) == tmp_path / "report" / "index.html"
    assert Path(index).is_file()


@pytest.mark.parametrize(
    "told",
    [
        {"files": {"mine.txt": "x"}},
        {"made_by": "a site of mine", "files": {"mine.txt": "x"}},
        {"made_by": "zoo report", "files": {"mine.txt": "x", "a\x00b.html": "x", "n" * 300: "x"}},
    ],
)
def test_files_of_others_are_never_removed(
    strange: Store, tmp_path: Path, told: dict[str, object]
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(told))
    (tmp_path / "mine.txt").write_text("mine")
    if told.get("made_by") == "zoo report":
        build_report(strange, tmp_path)
    else:
        with pytest.raises(ZooError, match="is no report"):
            build_report(strange, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_shown_sql_keeps_its_lines(folder: Path) -> None:
    codes = re.findall(r"<code>(.*?)</code>", (folder / "index.html").read_text(), re.DOTALL)
    commented = [code for code in codes if "--" in code]
    assert commented
    assert not [code for code in commented if code.splitlines()[-1].lstrip().startswith("--")]


def test_a_series_without_accuracies_says_so(folder: Path) -> None:
    for path in (folder / "series").iterdir():
        assert "<p>None</p>" not in path.read_text()


@pytest.mark.parametrize("where", ["", " ", "1=1) OR (1=1", "true; SELECT 1", "true) --"])
def test_a_condition_stays_within_its_brackets(strange: Store, tmp_path: Path, where: str) -> None:
    with pytest.raises(QueryError, match=r"condition"):
        build_report(strange, tmp_path / "report", where=where)
