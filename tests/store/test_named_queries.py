"""Every question in `queries/`, asked of a zoo of three models small enough to answer by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from zoo_analysis.errors import QueryError
from zoo_analysis.store import ModelRows, Store, get_query, list_queries, open_store

EARLY, LATE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

COLUMNS = (
    *("layer", "depth", "kind", "role", "part_of", "status"),
    *("alpha", "log_norm", "log_spectral_norm", "warning"),
)
OVER, UNDER = "over-trained", "under-trained"
ZOO: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "lab/a": (
        "vgg",
        [
            ("stem", 0, "conv2d", "stem", None, "success", 3.0, 1.0, 0.5, None),
            ("head", 1, "linear", "head", None, "success", 5.0, 3.0, 1.5, None),
            ("words", 2, "embedding", "embedding", None, "success", 7.0, 9.0, 9.0, UNDER),
        ],
    ),
    "lab/b": (
        "vgg",
        [
            ("stem", 0, "conv2d", "stem", None, "success", 1.5, 2.0, 1.0, OVER),
            ("qkv", 1, "linear", "qkv", None, "success", 6.5, 4.0, 2.0, UNDER),
            ("qkv[q]", 1, "linear", "q", "qkv", "success", 99.0, 9.0, 9.0, None),
            ("head", 2, "linear", "head", None, "zero", None, None, None, None),
        ],
    ),
    "lab/c": ("resnet", [("stem", 0, "conv2d", "stem", None, "success", 2.0, 0.0, 0.25, None)]),
}
ACCURACIES = [
    ("lab/a", "digits", "accuracy", 90.0, "card"),
    ("lab/b", "digits", "accuracy", 80.0, "card"),
    ("lab/b", "digits", "accuracy", 81.0, "a paper"),
    ("lab/c", "mnist", "top5", 70.0, "card"),
]
FAILURES = [
    ("s1", "lab/a", "read", "OSError", "short read", 2, EARLY),
    ("s1", "lab/x", "read", "CheckpointError", "truncated", 1, LATE),
    ("s2", "lab/y", "plan", "SourceError", "no weights", 1, EARLY),
]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("zoo"))
    batch = []
    for repo_id, (series, rows) in ZOO.items():
        layers = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows])
        spectra = pa.table({"layer": ["stem"], "eigenvalues": [[1.0, 2.0]]})
        model = {"repo_id": repo_id, "revision": "r1", "series": series, "parameters": 100}
        batch.append(ModelRows(model, "default", layers, spectra))
    store.commit_models(batch, "s1")
    names = ("repo_id", "dataset", "metric", "value", "source")
    rows = [dict(zip(names, row, strict=True)) for row in ACCURACIES]
    store.append("accuracies", pa.Table.from_pylist(rows))
    names = ("scan_id", "repo_id", "stage", "error", "message", "attempts", "failed_at")
    rows = [dict(zip(names, row, strict=True)) for row in FAILURES]
    store.append("failures", pa.Table.from_pylist(rows))
    scans = [
        {"scan_id": "s1", "started_at": EARLY, "scanned": 3, "seconds": 1.5},
        {"scan_id": "s2", "started_at": LATE, "scanned": 0, "seconds": 0.5},
    ]
    store.append("scans", pa.Table.from_pylist(scans))
    return store


def ask(zoo: Store, name: str, columns: str, **params: object) -> list[tuple[Any, ...]]:
    table = zoo.run(name, params).select(columns.split())
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_summaries_average_fitted_layers_that_are_neither_embeddings_nor_parts(zoo: Store) -> None:
    rows = zoo.run(
        "SELECT repo_id, series, layers, alpha, log_norm, log_spectral_norm, warnings "
        "FROM summaries ORDER BY ALL"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("lab/a", "vgg", 2, 4.0, 2.0, 1.0, 0),
        ("lab/b", "vgg", 2, 4.0, 3.0, 1.5, 2),
        ("lab/c", "resnet", 1, 2.0, 0.0, 0.25, 0),
    ]


def test_metric_values_are_the_summaries_in_long_form(zoo: Store) -> None:
    rows = zoo.run(
        "SELECT metric, value FROM metric_values WHERE repo_id = 'lab/a' ORDER BY metric"
    )
    assert rows.to_pylist() == [
        {"metric": "alpha", "value": 4.0},
        {"metric": "log_norm", "value": 2.0},
        {"metric": "log_spectral_norm", "value": 1.0},
    ]


def test_leaderboard(zoo: Store) -> None:
    shown = "rank of series repo_id value dataset accuracy"
    assert ask(zoo, "leaderboard", shown, metric="log_norm") == [
        (1, 1, "resnet", "lab/c", 0.0, "mnist", 70.0),
        (1, 2, "vgg", "lab/a", 2.0, "digits", 90.0),
        (2, 2, "vgg", "lab/b", 3.0, "digits", 81.0),
    ]
    assert ask(zoo, "leaderboard", shown, metric="log_norm", dataset="digits") == [
        (1, 2, "vgg", "lab/a", 2.0, "digits", 90.0),
        (2, 2, "vgg", "lab/b", 3.0, "digits", 81.0),
    ]
    assert ask(zoo, "leaderboard", shown, metric="log_norm", dataset="mnist", series="vgg") == []
    assert ask(zoo, "leaderboard", "repo_id", metric="log_norm", limit="1") == [("lab/c",)]
    assert ask(zoo, "leaderboard", "repo_id", metric="log_norm", method="other") == []


def test_layers(zoo: Store) -> None:
    answer = [("stem", 1.5), ("qkv", 6.5), ("qkv[q]", 99.0), ("head", None)]
    assert ask(zoo, "layers", "layer alpha", model="lab/b") == answer
    assert ask(zoo, "layers", "layer alpha", model="b") == answer
    assert ask(zoo, "layers", "layer", model="nosuch") == []


def test_warnings(zoo: Store) -> None:
    assert ask(zoo, "warnings", "repo_id layer alpha warning") == [
        ("lab/a", "words", 7.0, UNDER),
        ("lab/b", "qkv", 6.5, UNDER),
        ("lab/b", "stem", 1.5, OVER),
    ]
    assert ask(zoo, "warnings", "layer", warning=OVER) == [("stem",)]
    assert ask(zoo, "warnings", "layer", model="lab/a") == [("words",)]
    assert ask(zoo, "warnings", "layer", series="resnet") == []


def test_failures(zoo: Store) -> None:
    assert ask(zoo, "failures", "repo_id stage attempts scanned_since") == [
        ("lab/x", "read", 1, False),
        ("lab/a", "read", 2, True),
        ("lab/y", "plan", 1, False),
    ]
    assert ask(zoo, "failures", "repo_id", stage="plan") == [("lab/y",)]


def test_scans(zoo: Store) -> None:
    assert ask(zoo, "scans", "scan_id scanned seconds") == [("s2", 0, 0.5), ("s1", 3, 1.5)]
    assert ask(zoo, "scans", "scan_id", limit=1) == [("s2",)]


def test_metric_vs_accuracy(zoo: Store) -> None:
    shown = "series dataset repo_id value accuracy"
    assert ask(zoo, "metric-vs-accuracy", shown, metric="log_norm") == [
        ("resnet", "mnist", "lab/c", 0.0, 70.0),
        ("vgg", "digits", "lab/a", 2.0, 90.0),
        ("vgg", "digits", "lab/b", 3.0, 81.0),
    ]
    assert len(ask(zoo, "metric-vs-accuracy", "value")) == 9
    assert len(ask(zoo, "metric-vs-accuracy", "value", accuracy="top5")) == 3
    assert len(ask(zoo, "metric-vs-accuracy", "value", series="vgg", dataset="mnist")) == 0


def test_depth_profile(zoo: Store) -> None:
    # a: stem at 0 of 2, head at 1/2; b: stem at 0, qkv at 1/2; c: a single layer at 0.
    shown = "series depth models layers alpha log_spectral_norm"
    assert ask(zoo, "depth-profile", shown, bins=2) == [
        ("resnet", 0.25, 1, 1, 2.0, 0.25),
        ("vgg", 0.25, 2, 2, 2.25, 0.75),
        ("vgg", 0.75, 2, 2, 5.75, 1.75),
    ]
    assert len(ask(zoo, "depth-profile", shown, series="resnet")) == 1


def test_models(zoo: Store) -> None:
    assert ask(zoo, "models", "repo_id series parameters averaged_layers alpha warnings") == [
        ("lab/c", "resnet", 100, 1, 2.0, 0),
        ("lab/a", "vgg", 100, 2, 4.0, 0),
        ("lab/b", "vgg", 100, 2, 4.0, 2),
    ]
    assert ask(zoo, "models", "repo_id", series="vgg", limit=1) == [("lab/a",)]


def test_kinds(zoo: Store) -> None:
    assert ask(zoo, "kinds", "kind role layers fitted alpha over_trained under_trained") == [
        ("conv2d", "stem", 3, 3, 6.5 / 3, 1, 0),
        ("linear", "head", 2, 1, 5.0, 0, 0),
        ("embedding", "embedding", 1, 1, 7.0, 0, 1),
        ("linear", "qkv", 1, 1, 6.5, 0, 1),
    ]


def test_every_named_query_has_a_test_a_title_and_told_parameters() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for query in list_queries():
        assert f"def test_{query.name.replace('-', '_')}(" in tests, query.name
        assert query.title.endswith("?")
        assert all(param.about for param in query.params)
        declared = query.sql.count("-- param ")
        assert declared == len(query.params), f"{query.name}: a parameter line is malformed"


def test_every_named_query_runs_on_its_defaults(zoo: Store) -> None:
    for query in list_queries():
        required = {param.name: "lab/a" for param in query.params if param.required}
        assert zoo.run(query.name, required).num_columns > 1


def test_a_declaration_gives_type_default_and_meaning() -> None:
    limit = next(param for param in get_query("leaderboard").params if param.name == "limit")
    assert (limit.type, limit.default, limit.about) == ("count", 20, "rows")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("leaderbord", {}, "no query named 'leaderbord': did you mean leaderboard"),
        ("xyzzy", {}, "`zoo queries` lists them"),
        ("leaderboard", {"serie": "vgg"}, "no parameter serie; it has: metric, series, dataset"),
        ("leaderboard", {"limit": "many"}, "parameter limit: 'many' is not of type count"),
        ("leaderboard", {"limit": 0}, "parameter limit: 0 is not of type count (1 or more)"),
        ("depth-profile", {"bins": "-1"}, "parameter bins: '-1' is not of type count (1 or more)"),
        ("layers", {}, "'layers' needs model (repo_id, or its last part)"),
    ],
)
def test_a_wrong_name_or_parameter_is_explained(
    zoo: Store, name: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        zoo.run(name, params)
    assert message in str(refused.value)
