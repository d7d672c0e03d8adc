"""Models ranked, set side by side, and diagnosed, on layers made by hand."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.command import zoo
from zoo_analysis.answers.comparison.correspondence import LayerName, correspond
from zoo_analysis.answers.comparison.two_models import compare
from zoo_analysis.answers.ranking import rank
from zoo_analysis.errors import QueryError
from zoo_analysis.imports.metric_tables import NO_ESDS
from zoo_analysis.store import ModelRows, Store, open_store

DEPTH = 12


def layer(i: int, **values: Any) -> dict[str, Any]:
    plain = {
        "layer": f"l{i}",
        "depth": i,
        "kind": "linear",
        "role": "fc1" if i % 2 else "fc2",
        "shape": [64, 32],
        "status": "success",
        "num_evals": 32,
        "rank_loss": 0.0,
        "alpha": 3.0,
        "alpha_weighted": 3.0,
        "log_norm": 2.0,
        "log_spectral_norm": 1.0 + 0.01 * (i % 3),
        "num_traps": None,
        "warning": None,
    }
    return plain | values


def model(name: str, rows: list[dict[str, Any]], method: str = "default") -> ModelRows:
    repo = {"repo_id": f"lab/{name}", "revision": "r", "series": "s"}
    return ModelRows(repo, method, pa.Table.from_pylist(rows), NO_ESDS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("answers") / "store")
    zigzag = [2.5, 5.5, 2.2, 5.8, 3.0, 5.0]
    models = [
        model("steady", [layer(i, alpha=3 + 0.02 * (i % 2)) for i in range(DEPTH)]),
        model("rising", [layer(i, alpha=2.5 + 0.2 * i) for i in range(DEPTH)]),
        model("erratic", [layer(i, alpha=zigzag[i % 6]) for i in range(DEPTH)]),
        model(
            "broken",
            [
                *(layer(i, num_traps=0.0) for i in range(9)),
                layer(9, log_spectral_norm=-4.0, rank_loss=16.0, num_traps=2.0),
                layer(10, alpha=1.5, warning="over-trained"),
                layer(11, alpha=7.0, warning="under-trained"),
                layer(12, kind="embedding", alpha=9.0, warning="under-trained"),
                layer(13, alpha=900.0, warning="degenerate-tail"),
                layer(14, alpha=8.0, warning="under-trained, short-tail"),
            ],
        ),
        model("wide", [layer(i, shape=[128, 32], alpha=2.5) for i in range(DEPTH)]),
        model("other", [layer(0)], "weightwatcher"),
    ]
    store.commit_models(models, "scan")
    reported = {"steady": 90.0, "rising": 95.0, "erratic": 80.0, "wide": 99.0, "broken": 60.0}
    rows = [
        {"repo_id": f"lab/{name}", "dataset": "d", "metric": "accuracy", "value": value}
        for name, value in reported.items()
    ]
    store.append("accuracies", pa.Table.from_pylist([row | {"source": "card"} for row in rows]))
    return store


def test_ranks_by_metric_and_by_accuracy_and_where_they_disagree(store: Store) -> None:
    rows = rank(store, ("alpha",)).to_pylist()
    told = {
        row["repo_id"]: (row["rank"], row["rank_by_accuracy"], row["disagreement"]) for row in rows
    }
    # Mean α: wide 2.5, steady 3.01, broken 38.5/12 = 3.21, rising 3.6, erratic 4.
    assert told == {
        "lab/wide": (1, 1, None),
        "lab/steady": (2, 3, "ranked 1 higher"),
        "lab/broken": (3, 5, "ranked 2 higher"),
        "lab/rising": (4, 2, "ranked 2 lower"),
        "lab/erratic": (5, 4, "ranked 1 lower"),
    }
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    with pytest.raises(QueryError, match="no series 't'; there are: s"):
        rank(store, ("alpha",), "t")


def test_two_models_layer_by_layer(store: Store) -> None:
    found = compare(store, "lab/steady", "wide")
    assert found.layers.num_rows == DEPTH
    first = found.layers.to_pylist()[0]
    assert (first["layer_a"], first["layer_b"], first["differs"]) == ("l0", "l0", "shape")
    assert (first["shape_a"], first["shape_b"]) == ([64, 32], [128, 32])
    alpha = next(row for row in found.metrics.to_pylist() if row["metric"] == "alpha")
    assert alpha["better"] == "lab/wide"
    assert alpha["difference"] == pytest.approx(2.5 - 3.01)
    assert (alpha["layers_a_lower"], alpha["layers_b_lower"]) == (0, DEPTH)
    assert alpha["wilcoxon_p"] < 0.01
    same = next(row for row in found.metrics.to_pylist() if row["metric"] == "log_norm")
    assert (same["better"], same["wilcoxon_p"]) == (None, None)


def test_parts_and_embeddings_have_partners_but_do_not_count(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    for i, name in enumerate("ab"):
        rows = [
            layer(0, alpha=2.0 + i),
            layer(1, alpha=9.0, kind="embedding"),
            layer(2, alpha=9.0, part_of="l0"),
        ]
        rows = [{"part_of": None} | row for row in rows]
        store.commit_models([model(name, rows)], "scan")
    found = compare(store, "lab/a", "lab/b")
    assert found.layers.num_rows == 3
    alpha = next(row for row in found.metrics.to_pylist() if row["metric"] == "alpha")
    assert (alpha["layers"], alpha["layers_a_lower"]) == (1, 1)


def test_models_of_two_methods_are_not_compared(store: Store) -> None:
    with pytest.raises(QueryError, match="not measured by one method"):
        compare(store, "lab/steady", "lab/other")


def names(*layers: str) -> list[LayerName]:
    return [LayerName(f"{i}.{kind}", kind, None) for i, kind in enumerate(layers)]


def test_layers_correspond_by_name_else_by_kind_in_order() -> None:
    a = names("conv", "conv", "fc")
    assert correspond(a, a) == [(0, 0), (1, 1), (2, 2)]
    other = [LayerName(f"x{n.layer}", n.kind, n.role) for n in names("conv", "fc", "head")]
    assert correspond(a, other) == [(0, None), (1, 0), (2, 1), (None, 2)]
    assert correspond(a, []) == [(0, None), (1, None), (2, None)]


def test_the_commands(store: Store) -> None:
    uri = store.uri
    ranked = json.loads(zoo("rank", "--metric", "alpha", "--store", uri, "-f", "json").out)
    assert ranked[0]["repo_id"] == "lab/wide"
    assert "ranked 2 higher" in zoo("rank", "--metric", "alpha", "--store", uri).out
    told = zoo("compare", "steady", "wide", "--store", uri)
    assert told.out.startswith("a: lab/steady @ r; accuracy 90 on d (card)")
    both = json.loads(zoo("compare", "steady", "wide", "--store", uri, "--json").out)
    assert (both["a"]["repo_id"], len(both["layers"])) == ("lab/steady", DEPTH)
    missing = zoo("diagnose", "brokn", "--store", uri)
    assert (missing.code, missing.out) == (2, "")
    assert "did you mean lab/broken" in missing.err


def family(name: str, series: str | None, architecture: str | None, kind: str) -> ModelRows:
    repo = {"repo_id": f"lab/{name}", "revision": "r", "series": series}
    rows = [layer(i, kind=kind, layer=f"{kind}{i}", role=kind) for i in range(DEPTH)]
    rows[0]["alpha"] += 0.1 * len(name)
    return ModelRows(
        {**repo, "architecture": architecture}, "default", pa.Table.from_pylist(rows), NO_ESDS
    )


@pytest.mark.parametrize(
    ("a", "b", "one"),
    [
        (("vgg", "timm:vgg11"), ("vgg", "timm:vgg19"), True),
        ((None, "timm:vgg11"), ("vgg", "timm:vgg11"), True),
        (("vgg", "timm:vgg11"), ("bert", "transformers:BertModel"), False),
        ((None, "timm:vgg11"), (None, "timm:resnet18"), False),
        ((None, None), (None, None), False),
    ],
)
def test_models_of_unlike_families_are_compared_without_calling_one_better(
    tmp_path: Path,
    a: tuple[str | None, str | None],
    b: tuple[str | None, str | None],
    one: bool,
) -> None:
    store = open_store(tmp_path / "store")
    store.commit_models([family("x", *a, "linear"), family("yy", *b, "linear")], "scan")
    found = compare(store, "x", "yy")
    assert found.of_one_series is one
    alpha = next(row for row in found.metrics.to_pylist() if row["metric"] == "alpha")
    assert alpha["better"] == ("lab/x" if one else None)
    told = zoo("compare", "x", "yy", "--store", store.uri).out
    assert ("says nothing of which model is better" in told) is not one
    assert ("for α where it is between 2 and 6" in told) is one


def test_models_without_a_layer_in_common_have_no_table_of_layers(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.commit_models([family("x", "a", None, "conv2d"), family("y", "b", None, "linear")], "s")
    assert compare(store, "x", "y").paired == 0
    told = zoo("compare", "x", "y", "--store", store.uri).out
    assert "no layer of one corresponds to one of the other" in told
    assert "linear3" not in told


def test_the_layers_that_numbers_are_of_are_counted_where_they_are_told(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    rows = [layer(i, random_like=0.0) for i in range(6)]
    rows += [layer(6, kind="embedding", random_like=0.0)]
    rows += [layer(7, warning="degenerate-tail", random_like=0.0)]
    rows += [layer(8, alpha=None, status="too-few-evals", random_like=None)]
    store.commit_models([model("net", rows)], "scan")
    for command in (["show", "net"], ["diagnose", "net"], ["compare", "net", "net"]):
        told = zoo(*command, "--store", store.uri).out
        assert "9 layers: 6 averaged" in told
        assert "7 judged random-like or not" in told


def test_imported_averages_are_shown_with_the_file_they_come_from(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    path.write_text("model,alpha\nx,3.25\n")
    zoo("import", path, "--store", tmp_path / "store")
    told = zoo("show", "x", "--store", tmp_path / "store").out
    assert f"no layers: averages only, imported from {path}" in told
    assert "averages: alpha 3.25" in told
    assert "no rows" not in told
    as_json = json.loads(zoo("show", "x", "--json", "--store", tmp_path / "store").out)
    assert as_json["imported_from"] == [str(path)]


def test_nothing_is_told_of_averages_without_layers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("model,alpha\nx,3\ny,4\n")
    zoo("import", path, "--series", "s", "--store", tmp_path / "store")
    told = zoo("diagnose", "x", "--store", tmp_path / "store")
    assert "averages only" in told.out
    assert "alpha 1 of 2" in told.out


@pytest.mark.parametrize("other", [1.0, 0.0])
def test_no_random_network_is_called_better_than_another(tmp_path: Path, other: float) -> None:
    store = open_store(tmp_path / "store")
    for i, (name, alike) in enumerate((("noise", 1.0), ("other", other))):
        rows = [layer(j, alpha=2.5 + i, random_like=alike) for j in range(DEPTH)]
        store.commit_models([model(name, rows)], "scan")
    found = compare(store, "noise", "other")
    assert found.random == (("lab/noise", "lab/other") if other else ("lab/noise",))
    rows = found.metrics.to_pylist()
    assert {row["better"] for row in rows} == {None}
    assert next(row for row in rows if row["metric"] == "alpha")["layers_a_lower"] == DEPTH
    assert "lab/noise" in zoo("compare", "noise", "other", "--store", store.uri).out
    told = zoo("compare", "noise", "other", "--store", store.uri).out
    assert re.search("looks? random: no metric tells which model is better", told)
