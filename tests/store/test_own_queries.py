"""Questions of the user's own, and what is shown of any question."""

import json
from pathlib import Path

import pytest

from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.answers.questions import queries
from zoo_analysis.answers.ranking import rank
from zoo_analysis.errors import QueryError
from zoo_analysis.store import NamedQuery, get_query, list_queries, named_by_user, open_store

OWN = """-- How many numbers are there up to n?
-- param n: integer = 3  (the last one)
-- param name: text = required  (what they are called)
-- param none: text = null
SELECT $name AS name, count(*) AS n FROM range($n) WHERE $none IS NULL;
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own questions, of which `numbers` is one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "zoo" / "queries"
    folder.mkdir(parents=True)
    (folder / "numbers.sql").write_text(OWN)
    return folder


@pytest.mark.usefixtures("folder")
def test_ones_own_are_listed_as_such() -> None:
    yours = {row["name"]: row["yours"] for row in queries().to_pylist()}
    assert yours["numbers"] is True
    assert [name for name, own in yours.items() if own] == ["numbers"]


def test_a_question_is_shown_with_its_parameters_and_its_sql(folder: Path) -> None:
    told = json.loads(zoo("queries", "numbers", "--json").out)
    assert told["sql"] == OWN
    assert told["answers"] == "How many numbers are there up to n?"
    assert told["parameters"] == [
        {"name": "n", "type": "integer", "default": "3", "about": "the last one"},
        {"name": "name", "type": "text", "default": "required", "about": "what they are called"},
        {"name": "none", "type": "text", "default": "null", "about": ""},
    ]
    text = zoo("queries", "numbers").out
    assert str(folder / "numbers.sql") in text
    assert OWN.splitlines()[-1] in text
    assert "did you mean numbers" in zoo("queries", "nubmers").err


def test_a_name_of_the_packages_own_is_not_taken(folder: Path) -> None:
    (folder / "leaderboard.sql").write_text(OWN)
    with pytest.raises(QueryError, match=r"leaderboard.sql: .* comes with the package; rename"):
        named_by_user("leaderboard")
    for asked in (("query", "leaderboard"), ("queries", "leaderboard")):
        told = zoo(*asked)
        assert (told.code, "comes with the package; rename yours" in told.err) == (2, True)


def test_what_the_package_asks_itself_is_its_own(folder: Path, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.commit_models([model_rows("lab/net", series="vgg")], "scan")
    shipped = {named.name: store.run(named.name) for named in list_queries() if _asked(named)}
    for name in shipped:
        (folder / f"{name}.sql").write_text("-- Mine?\nSELECT 1 AS mine;")
    assert get_query("leaderboard").file is None
    assert all(store.run(name).schema == table.schema for name, table in shipped.items())
    assert rank(store, "alpha")["repo_id"].to_pylist() == ["lab/net"]


def _asked(named: NamedQuery) -> bool:
    return named.file is None and not any(param.required for param in named.params)


def test_what_cannot_be_asked_is_told_and_the_rest_is_listed(folder: Path) -> None:
    (folder / "leaderboard.sql").write_text(OWN)
    (folder / "odd.sql").write_text("-- Odd?\n-- param n integer = 3\nSELECT 1;")
    listed = zoo("queries")
    names = [line.split()[0] for line in listed.out.splitlines() if line.strip()]
    assert listed.code == 0
    assert {"numbers", "leaderboard", "warnings"} <= set(names)
    assert "odd" not in names
    assert f"left out: {folder / 'leaderboard.sql'}: a question 'leaderboard'" in listed.err
    assert f"left out: {folder / 'odd.sql'}: " in listed.err


@pytest.mark.parametrize("sql", ["SELEC 1;", "SELECT nosuch FROM models;", "SELECT 1; SELECT 2;"])
def test_an_error_in_ones_own_question_names_its_file(
    folder: Path, tmp_path: Path, sql: str
) -> None:
    (folder / "bad.sql").write_text(f"-- Bad?\n{sql}")
    store = open_store(tmp_path / "store")
    store.commit_models([model_rows("lab/net")], "scan")
    told = zoo("query", "bad", "--store", store.uri)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"zoo: {folder / 'bad.sql'}: ")


def test_a_question_is_told_once() -> None:
    told = zoo("queries", "leaderboard").out
    named = get_query("leaderboard")
    assert told.count(named.title) == 1
    assert all(told.count(param.about) == 1 for param in named.params)
    assert "lower is better" in told, "its other comments stay"
    assert named.sql.rstrip().endswith(told.rstrip().splitlines()[-1])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-- param n integer = 3", "write -- param NAME: TYPE = DEFAULT"),
        ("-- param n: integer = many", "'many' is not of type integer"),
        ("-- param n: word = x", "'x' is not of type word"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_said_so_with_its_file(
    folder: Path, line: str, message: str
) -> None:
    (folder / "odd.sql").write_text(f"-- Odd?\n{line}\nSELECT 1;")
    with pytest.raises(QueryError, match=f"odd.sql: .*{message}"):
        get_query("odd")
