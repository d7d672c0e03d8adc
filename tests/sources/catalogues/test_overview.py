"""The catalogues there are, and what they hold."""

from pathlib import Path

import pytest

from tests.support.command import zoo
from zoo_analysis.errors import SourceError
from zoo_analysis.sources import resolve_sources
from zoo_analysis.sources.catalogues.edit import add_to_catalogue
from zoo_analysis.sources.catalogues.format import catalogue_names
from zoo_analysis.sources.catalogues.overview import (
    CatalogueMember,
    CatalogueSummary,
    catalogue_members,
    list_catalogues,
)


def test_all_catalogues_are_listed_and_only_ones_own_have_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CATALOGUES", str(tmp_path))
    add_to_catalogue("mine", ["me/a", "me/b"], title="Ours")
    rows = [CatalogueSummary(**row) for row in list_catalogues().to_pylist()]
    found = {summary.name: summary for summary in rows}
    assert list(found) == catalogue_names()
    assert found["mine"] == CatalogueSummary("mine", "Ours", 2, 0, str(tmp_path / "mine.toml"))
    assert [name for name, summary in found.items() if summary.file] == ["mine"]


def test_a_catalogue_shows_its_models_and_queries(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(
        'series = "nets"\n[[models]]\nrepo_id = "me/a"\nrevision = "v1"\n'
        '[[queries]]\nauthor = "me"\nfilter = ["x", "y"]\nseries = "others"\n'
    )
    assert [CatalogueMember(**row) for row in catalogue_members(str(file)).to_pylist()] == [
        CatalogueMember("me/a@v1", "nets", 0, None, "me/a", "v1"),
        CatalogueMember("all with author me, filter x and y", "others", None, None, None, None),
    ]


def test_a_misspelt_catalogue_gets_the_near_one() -> None:
    with pytest.raises(SourceError, match=r"'gpt-2'; did you mean gpt2\?"):
        catalogue_members("gpt-2")


def test_the_sources_of_packaged_models_are_what_a_scan_takes() -> None:
    rows = catalogue_members("packaged").to_pylist()
    for row in rows:
        resolved = resolve_sources(row["source"])
        names = [each.repo_id for each in (*resolved.refs, *resolved.problems)]
        assert row["repository"] in names
    shown = zoo("catalog", "show", "packaged", width=80).out
    assert all(row["source"] in shown.split() for row in rows), "names are cut"
