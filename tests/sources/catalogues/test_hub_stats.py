"""A query of a table of the hub's metadata finds what the hub's listing would, and asks nobody."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.stranger_server import stranger
from zoo_analysis.errors import SourceError
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.sources.catalogues.format import load_catalogue
from zoo_analysis.sources.catalogues.hub_stats import found_in_stats

SHA = "0123456789abcdef0123456789abcdef01234567"


def row(repo_id: str, **about: Any) -> dict[str, Any]:
    """A model as the hub describes it."""
    return {
        "id": repo_id,
        "author": repo_id.split("/")[0],
        "sha": SHA,
        "downloads": 10,
        "likes": 1,
        "tags": ["timm"],
        "pipeline_tag": "image-classification",
        "createdAt": datetime(2024, 1, 1, tzinfo=UTC),
        "lastModified": datetime(2024, 1, 1, tzinfo=UTC),
        "safetensors": {"total": 10**7},
        "gguf": {"total": None},
        "private": False,
    } | about


ROWS = [
    row("me/a", downloads=1, createdAt=datetime(2025, 1, 1, tzinfo=UTC)),
    row("me/b", downloads=5, tags=["timm", "pytorch"]),
    row("you/Net-B", downloads=3, pipeline_tag="text-generation", safetensors={"total": 7 * 10**9}),
    row("you/q4", downloads=2, safetensors={"total": None}, gguf={"total": 8 * 10**9}),
    row("you/unknown", downloads=9, safetensors=None, gguf=None, tags=None),
    row("you/hidden", downloads=99, private=True),
]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def found(place: str, **query: Any) -> list[str]:
    return [
        each.partition("@")[0] for each in found_in_stats(place, HubQuery(**query)).repositories
    ]


@pytest.fixture(scope="module", params=["nested", "json", "large"])
def table(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> str:
    """The table with nested columns, and with JSON in their place, of either type of text."""
    rows = ROWS
    if request.param != "nested":
        nested = ("tags", "safetensors", "gguf")
        rows = [r | {n: r[n] and json.dumps(r[n]) for n in nested} for r in ROWS]
    place = tmp_path_factory.mktemp("hub") / "models.parquet"
    table = pa.Table.from_pylist(rows)
    if request.param == "large":
        fields = [f.with_type(pa.large_string()) if f.type == "string" else f for f in table.schema]
        table = table.cast(pa.schema(fields))
    pq.write_table(table, place)
    return str(place)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["you/unknown", "me/b", "you/Net-B", "you/q4", "me/a"]),
        ({"author": "me"}, ["me/b", "me/a"]),
        ({"filter": ("timm", "pytorch")}, ["me/b"]),
        ({"pipeline_tag": "text-generation"}, ["you/Net-B"]),
        ({"search": "net-b"}, ["you/Net-B"]),
        ({"min_parameters": 7 * 10**9}, ["you/Net-B", "you/q4"]),
        ({"max_parameters": 10**7}, ["me/b", "me/a"]),
        ({"sort": "created_at", "limit": 1}, ["me/a"]),
        ({"limit": 2}, ["you/unknown", "me/b"]),
        ({"author": "me' OR '1'='1"}, None),
        ({"pipeline_tag": "nope"}, None),
    ],
)
def test_each_condition_is_asked(
    table: str, query: dict[str, Any], names: list[str] | None
) -> None:
    if names is None:
        with pytest.raises(SourceError, match="of its 6 models none"):
            found(table, **query)
    else:
        assert found(table, **query) == names


def test_it_is_pinned_and_added_without_a_call(
    hub: Hub, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CATALOGUES", str(tmp_path / "own"))
    done = zoo("catalog", "add", "mine", table, "--from", "hub-stats", "--author", "me")
    assert done.code == 0, done.err
    assert "2 of 6 models" in done.out
    models = load_catalogue(tmp_path / "own" / "mine.toml").models
    assert [(m.repo_id, m.revision) for m in models] == [("me/b", SHA), ("me/a", SHA)]
    assert not hub.calls
    assert zoo("catalog", "add", "mine", "--from", "hub-stats", "--author", "me").code == 2


def test_what_no_repository_can_be_called_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [
        row("me/a"),
        row("me/../x"),
        row("a b/$(x)"),
        row("me/c", sha="x'; --"),
        row("me/d", sha="zz"),
    ]
    told = found_in_stats(written(tmp_path / "m.parquet", rows), HubQuery())
    assert (told.repositories, told.of, told.malformed) == ((f"me/a@{SHA}",), 5, 4)


def test_counts_that_are_texts_or_no_numbers_are_ordered_as_counts(tmp_path: Path) -> None:
    for kind in (str, float):
        counts = [kind(n) for n in (9, 100, 20)]
        rows = [row(f"me/{i}", downloads=n) for i, n in enumerate(counts)]
        rows.append(row("me/none", downloads="many" if kind is str else float("nan")))
        place = written(tmp_path / "m.parquet", rows)
        assert found(place) == ["me/1", "me/2", "me/0", "me/none"]


def test_a_model_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("me/a", downloads=9), row("me/a", downloads=8), row("me/b", downloads=1)]
    place = written(tmp_path / "m.parquet", rows)
    assert found(place, limit=2) == ["me/a", "me/b"]
    monkeypatch.setenv("ZOO_CATALOGUES", str(tmp_path / "own"))
    for _ in range(2):
        assert zoo("catalog", "add", "mine", place, "--from", "hub-stats").code == 0
        assert len(load_catalogue(tmp_path / "own" / "mine.toml").models) == 2


@pytest.mark.parametrize(
    ("about", "query", "says"),
    [
        ({"id": 7}, {}, "column id is int64, where the hub has text"),
        ({"pipeline_tag": ["x"]}, {"pipeline_tag": "x"}, "column pipeline_tag is list"),
        ({"tags": "a, b"}, {"filter": ("a",)}, "values are not as the hub has them"),
    ],
)
def test_a_column_of_another_kind_is_named(
    tmp_path: Path, about: dict[str, Any], query: dict[str, Any], says: str
) -> None:
    place = written(tmp_path / "m.parquet", [row("me/a") | about])
    with pytest.raises(SourceError, match=says):
        found(place, **query)


@pytest.mark.parametrize("weights", [10**7, {"total": "10000000"}, {"total": 10**7}])
def test_parameters_are_read_however_they_are_told(tmp_path: Path, weights: object) -> None:
    rows = [row("me/a", safetensors=weights, gguf=None)]
    place = written(tmp_path / "m.parquet", rows)
    assert found(place, max_parameters=10**7) == ["me/a"]
    with pytest.raises(SourceError, match="none is what is asked for"):
        found(place, min_parameters=10**8)


def test_it_is_fetched_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    content = Path(written(tmp_path / "m.parquet", ROWS)).read_bytes()
    with stranger(lambda path: (200, {}, content)) as server:
        assert found(f"{server.url}/models.parquet", author="me") == ["me/b", "me/a"]
        assert not server.tokens
        monkeypatch.setattr("zoo_analysis.sources.catalogues.hub_stats._MOST_BYTES", 1000)
        with pytest.raises(SourceError, match="larger than"):
            found(f"{server.url}/models.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


def test_what_a_table_does_not_tell_cannot_be_asked(tmp_path: Path) -> None:
    place = written(tmp_path / "m.parquet", [{"id": "me/a"}])
    assert found(place) == ["me/a"]
    for query, missing in (
        ({"author": "me"}, "author"),
        ({"filter": ("x",)}, "tags"),
        ({"min_parameters": 1}, "safetensors"),
        ({"sort": "likes"}, "likes"),
    ):
        with pytest.raises(SourceError, match=f"no column {missing}"):
            found(place, **query)
    with pytest.raises(SourceError, match="`sort` is 'trending'"):
        found(place, sort="trending")
    (text := tmp_path / "text.parquet").write_text("id\n")
    with pytest.raises(SourceError, match="as Parquet"):
        found(str(text))
    with pytest.raises(SourceError, match="no such file"):
        found(str(tmp_path / "none*"))
