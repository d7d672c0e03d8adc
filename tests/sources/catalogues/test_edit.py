"""What the user has written in a catalogue stays, and what is added comes back as it was meant."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.sources.catalogues.edit import add_to_catalogue, with_tables

WRITTEN = """# my zoo
title = "mine"   # a title

[[models]]       # the first
repo_id = "a/b"  # keep me
demo = true

# what the hub lists
[[queries]]
author = "me"
"""
TEXTS = st.text(min_size=1)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CATALOGUES", str(tmp_path))
    return tmp_path


def test_comments_and_layout_survive(own: Path) -> None:
    (own / "mine.toml").write_text(WRITTEN)
    made = add_to_catalogue("mine", ["c/d@v1"], HubQuery(search="net"), series="s")
    assert (own / "mine.toml").read_text().startswith(WRITTEN)
    assert [(entry.repo_id, entry.demo) for entry in made.models] == [("a/b", True), ("c/d", False)]
    assert (made.models[1].revision, made.models[1].series) == ("v1", "s")
    assert [(query.author, query.search, query.series) for query in made.queries] == [
        ("me", None, None),
        (None, "net", "s"),
    ]


def test_a_list_written_on_one_line_grows_on_that_line(own: Path) -> None:
    (own / "mine.toml").write_text('models = [{repo_id = "a/b"}]  # mine\n')
    assert len(add_to_catalogue("mine", ["c/d"]).models) == 2
    assert (own / "mine.toml").read_text().endswith("# mine\n")


def test_a_boolean_is_written_as_toml_has_it() -> None:
    assert "demo = true\n" in with_tables("", "models", [{"repo_id": "a/b", "demo": True}])


@given(st.dictionaries(st.sampled_from(["a", "b"]), TEXTS | st.booleans() | st.integers(0, 9)))
def test_values_come_back_as_they_were(values: dict[str, object]) -> None:
    assert tomllib.loads(with_tables('title = "x"', "models", [values]))["models"] == [values]


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(title=TEXTS, series=TEXTS, tags=st.lists(TEXTS, min_size=1, max_size=3))
def test_any_text_comes_back_as_it_was(own: Path, title: str, series: str, tags: list[str]) -> None:
    query = HubQuery(filter=tuple(tags))
    made = add_to_catalogue("mine", ["a/b"], query, series=series, title=title)
    (own / "mine.toml").unlink()
    assert (made.title, made.models[0].series) == (title, series)
    assert (made.queries[0].filter, made.queries[0].series) == (tuple(tags), series)


def test_a_query_without_conditions_is_none(own: Path) -> None:
    with pytest.raises(SourceError, match="nothing to add"):
        add_to_catalogue("mine", query=HubQuery())
    assert list(own.iterdir()) == []


def test_a_malformed_catalogue_is_left_as_it_is(own: Path) -> None:
    (own / "mine.toml").write_text('titel = "x"\n')
    with pytest.raises(SourceError, match=r"mine\.toml: unknown key `titel`; did you mean `title`"):
        add_to_catalogue("mine", ["a/b"])
    assert (own / "mine.toml").read_text() == 'titel = "x"\n'
