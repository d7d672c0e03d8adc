"""Models ranked, set side by side, and diagnosed, on layers made by hand."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.command import zoo
from zoo_analysis.answers.correspondence import LayerName, correspond
from zoo_analysis.answers.diagnosis import diagnose
from zoo_analysis.answers.ranking import rank
from zoo_analysis.answers.two_models import compare
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


def findings(store: Store, name: str) -> dict[str, Any]:
    return {found.diagnosis: found for found in diagnose(store, name).findings}


@pytest.mark.parametrize(
    ("name", "verdict", "text"),
    [
        ("steady", "stable", "no trend over depth"),
        ("rising", "stable", "α rises over depth by 2.20"),
        ("erratic", "erratic", "no trend over depth"),
    ],
)
def test_correlation_flow(store: Store, name: str, verdict: str, text: str) -> None:
    found = findings(store, name)["correlation flow"]
    assert found.verdict == verdict
    assert text in found.text


def test_scale_collapse_rank_collapse_training_and_traps_name_their_layers(store: Store) -> None:
    found = findings(store, "broken")
    collapse = found["scale collapse"]
    assert (collapse.verdict, collapse.layers) == ("collapsed", ("l9",))
    assert collapse.numbers["small"] == 1
    assert found["rank collapse"].layers == ("l9",)
    assert "l9 (50% lost)" in found["rank collapse"].text
    assert found["training"].layers == ("l10", "l11", "l14"), "an embedding is not diagnosed"
    assert found["training"].numbers == {
        "fitted": 13,
        "over_trained": 1,
        "under_trained": 2,
        "short_tails": 1,
        "degenerate_tails": 1,
    }
    assert "1 with a short tail; 1 with a degenerate tail (not counted)" in found["training"].text
    assert found["correlation flow"].numbers["n"] == 13
    assert found["correlation traps"].layers == ("l9",)
    assert found["correlation traps"].numbers["traps"] == 2


def test_a_sound_model_has_nothing_to_tell(store: Store) -> None:
    found = findings(store, "steady")
    verdicts = {name: f.verdict for name, f in found.items()}
    assert verdicts["scale collapse"] == verdicts["rank collapse"] == "none"
    assert verdicts["training"] == "well"
    assert found["correlation traps"].text == "not measured: scan with --randomize"


def test_a_model_stands_among_its_series(store: Store) -> None:
    found = findings(store, "wide")["among its series"]
    assert found.numbers["alpha_rank"] == 1
    assert found.numbers["of"] == 5
    assert findings(store, "other")["among its series"].verdict == "alone"


def test_ranks_by_metric_and_by_accuracy_and_where_they_disagree(store: Store) -> None:
    rows = rank(store, ("alpha",)).to_pylist()
    told = {
        row["repo_id"]: (row["rank"], row["rank_by_accuracy"], row["disagreement"]) for row in rows
    }
    # Mean α: wide 2.5, steady 3.01, broken 38.5/12 = 3.21, rising 3.6, erratic 4.
    assert told == {
        "lab/wide": (1, 1, None),
        "lab/steady": (2, 3, "metric puts it 1 higher"),
        "lab/broken": (3, 5, "metric puts it 2 higher"),
        "lab/rising": (4, 2, "metric puts it 2 lower"),
        "lab/erratic": (5, 4, "metric puts it 1 lower"),
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
    assert (alpha["layers_a_better"], alpha["layers_b_better"]) == (0, DEPTH)
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
    assert (alpha["layers"], alpha["layers_a_better"]) == (1, 1)


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
    assert "metric puts it 2 higher" in zoo("rank", "--metric", "alpha", "--store", uri).out
    told = zoo("compare", "steady", "wide", "--store", uri)
    assert told.out.startswith("a: lab/steady @ r; accuracy 90 on d (card)")
    both = json.loads(zoo("compare", "steady", "wide", "--store", uri, "--json").out)
    assert (both["a"]["repo_id"], len(both["layers"])) == ("lab/steady", DEPTH)
    told = zoo("diagnose", "broken", "--store", uri)
    assert "scale collapse: collapsed. 1 layers" in told.out
    found = json.loads(zoo("diagnose", "broken", "--store", uri, "--json").out)
    assert found["findings"][0]["diagnosis"] == "correlation flow"
    missing = zoo("diagnose", "brokn", "--store", uri)
    assert (missing.code, missing.out) == (2, "")
    assert "did you mean lab/broken" in missing.err


def test_nothing_is_told_of_averages_without_layers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("model,alpha\nx,3\ny,4\n")
    zoo("import", path, "--series", "s", "--store", tmp_path / "store")
    told = zoo("diagnose", "x", "--store", tmp_path / "store")
    assert "averages only" in told.out
    assert "alpha 1 of 2" in told.out
