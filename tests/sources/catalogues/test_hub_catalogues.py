"""Catalogues of hub repositories: those that come along, and the user's own."""

from pathlib import Path

import pytest

from tests.support.loopback import Hub
from tests.support.repositories import write
from zoo_analysis.errors import SourceError
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.sources import resolve_sources
from zoo_analysis.sources.catalogues.edit import add_to_catalogue, copy_catalogue
from zoo_analysis.sources.catalogues.format import catalogue_names, catalogue_path, load_catalogue
from zoo_analysis.sources.reported import torchvision_accuracies


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CATALOGUES", str(tmp_path / "own"))
    return tmp_path / "own"


def test_the_series_of_the_paper_have_the_accuracies_that_torchvision_reports() -> None:
    models = load_catalogue(catalogue_path("imagenet-2020")).models
    assert {entry.series for entry in models} == {"vgg", "resnet", "densenet"}
    assert len(models) == 17
    listed = {(e.repo_id, a.metric): a.value for e in models for a in e.accuracies}
    reported = {(a.repo_id, a.metric): a.value for a in torchvision_accuracies()}
    assert listed.items() <= reported.items()


def test_shipped_catalogues_cover_what_was_promised() -> None:
    assert {"imagenet-2020", "imagenet-timm", "gpt2", "llm-open"} <= set(catalogue_names())
    (query,) = load_catalogue(catalogue_path("imagenet-timm")).queries
    assert (query.author, query.pipeline_tag) == ("timm", "image-classification")
    (query,) = load_catalogue(catalogue_path("llm-open")).queries
    assert query.max_parameters is not None


def test_a_catalogue_of_ones_own_grows_and_is_scanned_by_name(
    hub: Hub, hub_root: Path, own: Path
) -> None:
    for name in ("a", "b", "c"):
        hub.add(f"{'me' if name < 'c' else 'you'}/{name}", write(hub_root / name))
    add_to_catalogue("mine", ["you/c"], series="s", title='It\'s "mine"')
    made = add_to_catalogue("mine", query=HubQuery(author="me", filter=("nets",), limit=5))
    assert (made.path, made.title) == (own / "mine.toml", 'It\'s "mine"')
    refs = resolve_sources(["mine"], hub.access).refs
    assert [(ref.repo_id, ref.series) for ref in refs] == [
        ("you/c", "s"),
        ("me/a", "unheard-of"),
        ("me/b", "unheard-of"),
    ]


def test_a_file_is_taken_over_if_it_is_a_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "theirs.toml"
    file.write_text('[[models]]\nrepo_id = "a/b"\n')
    assert copy_catalogue(file).models[0].repo_id == "a/b"
    with pytest.raises(SourceError, match="there already"):
        copy_catalogue(file)
    file.write_text('[[modls]]\nrepo_id = "a/b"\n')
    with pytest.raises(SourceError, match="did you mean `models`"):
        copy_catalogue(file, "other")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ('autor = "x"', "did you mean `author`?"),
        ('filter = "x"', "must be a list of texts"),
        ('limit = "10"', "must be a whole number"),
        ("limit = 1.5", "must be a whole number"),
    ],
)
def test_a_mistake_in_a_query_is_named(tmp_path: Path, query: str, says: str) -> None:
    file = tmp_path / "q.toml"
    file.write_text(f"[[queries]]\n{query}\n")
    with pytest.raises(SourceError, match="query 1") as caught:
        resolve_sources([str(file)])
    assert says in str(caught.value)


def test_nothing_is_not_added() -> None:
    with pytest.raises(SourceError, match="nothing to add"):
        add_to_catalogue("mine")
    with pytest.raises(SourceError, match="cannot be a catalogue's name"):
        add_to_catalogue("../x", ["a/b"])
