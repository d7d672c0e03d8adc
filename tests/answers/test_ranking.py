"""A ranking is within one series, one method and the last revision, and random models come last."""

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.answers.ranking import rank, rankings
from zoo_analysis.answers.remarks.ranking_words import told_of_random
from zoo_analysis.errors import QueryError
from zoo_analysis.imports.metric_tables import NO_ESDS
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import LEADING_COLUMNS, QUALITIES

DEFAULT, NATURE = "default-0123abcd", "nature2021-0123abcd"


def net(
    name: str,
    alphas: list[float],
    series: str | None = "vgg",
    revision: str = "r1",
    method: str = DEFAULT,
    **layer: Any,
) -> ModelRows:
    told = {"status": "success", "kind": "linear", "random_like": 0.0}
    told |= {"num_pl_spikes": 40.0, "D": 0.05, "sigma": 0.2} | layer
    rows = [
        {"layer": f"l{i}", "depth": i, "alpha": alpha, "alpha_weighted": alpha, **told}
        for i, alpha in enumerate(alphas)
    ]
    model = {"repo_id": f"lab/{name}", "revision": revision, "series": series}
    return ModelRows(model, method, pa.Table.from_pylist(rows), NO_ESDS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("ranking") / "store")
    batches = [
        [net("a", [9.0, 9.0]), net("b", [3.0, 5.0])],
        [
            net("a", [2.0, 4.0], revision="r2"),
            net("untrained", [-4.0] * 6, random_like=1.0),
            net("c", [5.0, 3.0]),
            net("d", [1.0, 2.0], "resnet"),
        ],
        # The method committed last, by which the order is the other way round.
        [net("a", [7.0], revision="r2", method=NATURE), net("b", [6.0], method=NATURE)],
        [net("old", [3.0], "table", method="imported:table")],
    ]
    for batch in batches:
        store.commit_models(batch, "scan")
        time.sleep(0.002)
    told = [
        ("lab/a", "imagenet-1k", "top1", 70.0),
        ("lab/b", "imagenet-1k", "accuracy", 75.0),
        ("lab/c", "imagenet-1k", "accuracy", 60.0),
        ("lab/b", "cifar-10", "accuracy", 95.0),
        ("lab/untrained", "cifar-10", "accuracy", 10.0),
    ]
    names = ("repo_id", "dataset", "metric", "value")
    rows = [dict(zip(names, row, strict=True)) | {"source": "paper"} for row in told]
    store.append("accuracies", pa.Table.from_pylist(rows))
    return store


def shown(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.select(columns).to_pylist()]


def test_each_model_once_by_its_last_revision_and_the_default_method(store: Store) -> None:
    table = rank(store, series="vgg")
    assert shown(table, "rank", "of", "repo_id", "revision", "value", "method") == [
        (1, 4, "lab/a", "r2", 3.0, DEFAULT),
        (2, 4, "lab/b", "r1", 4.0, DEFAULT),
        (2, 4, "lab/c", "r1", 4.0, DEFAULT),
        (4, 4, "lab/untrained", "r1", -4.0, DEFAULT),
    ]


def test_a_random_model_comes_last_with_the_reason_though_its_value_is_lowest(store: Store) -> None:
    last = rank(store, series="vgg").to_pylist()[-1]
    assert (last["repo_id"], last["remark"]) == (
        "lab/untrained",
        "looks random",
    )
    assert rank(store, series="vgg")["remark"].to_pylist()[:3] == [None] * 3


def test_a_method_is_named_by_its_beginning_or_preset(store: Store) -> None:
    for method in ("nature2021", NATURE, "nature2021-01"):
        assert shown(rank(store, method=method), "rank", "of", "repo_id") == [
            (1, 2, "lab/b"),
            (2, 2, "lab/a"),
        ]
    with pytest.raises(QueryError, match="no method begins with 'nope'; there are: default"):
        rank(store, method="nope")


def test_each_series_has_ranks_of_its_own_and_the_method_that_it_has(store: Store) -> None:
    firsts = [row for row in rank(store).to_pylist() if row["rank"] == 1]
    assert [(row["series"], row["repo_id"], row["of"], row["method"]) for row in firsts] == [
        ("resnet", "lab/d", 1, DEFAULT),
        ("table", "lab/old", 1, "imported:table"),
        ("vgg", "lab/a", 4, DEFAULT),
    ]


def test_accuracies_of_a_series_are_on_one_data_set(store: Store) -> None:
    columns = ("repo_id", "dataset", "accuracy", "rank_by_accuracy", "disagreement")
    assert shown(rank(store, series="vgg"), *columns) == [
        ("lab/a", "imagenet-1k", 70.0, 2, "ranked 1 higher"),
        ("lab/b", "imagenet-1k", 75.0, 1, "ranked 1 lower"),
        ("lab/c", "imagenet-1k", 60.0, 3, None),  # its value is that of lab/b: second or third
        ("lab/untrained", None, None, None, None),
    ]
    # A named data set leaves those that have an accuracy on it.
    assert shown(rank(store, dataset="cifar-10"), "rank", "of", *columns) == [
        (1, 2, "lab/b", "cifar-10", 95.0, 1, None),
        (2, 2, "lab/untrained", "cifar-10", 10.0, 2, None),
    ]
    with pytest.raises(QueryError, match="no dataset 'imagenet'; did you mean imagenet-1k"):
        rank(store, dataset="imagenet")


def test_the_question_and_the_command_have_one_definition(store: Store) -> None:
    asked = store.run("leaderboard", {"series": "vgg"})
    assert asked == rank(store, series="vgg")
    assert shown(rank(store, where="dataset = 'cifar-10'"), "repo_id") == [
        ("lab/b",),
        ("lab/untrained",),
    ]


def test_of_how_many_rows_the_first_are_shown_is_said(store: Store) -> None:
    cut = zoo("query", "leaderboard", "-p", "limit=2", "--store", store.uri)
    assert "2 of 6 rows: -p limit=6 shows all" in cut.out
    as_csv = zoo("query", "leaderboard", "-p", "limit=2", "--store", store.uri, "-f", "csv")
    assert len(as_csv.out.splitlines()) == 3
    assert "2 of 6 rows" in as_csv.err
    assert "of 6 rows" not in zoo("query", "leaderboard", "--store", store.uri).out


def test_medians_and_tails_rank_too_and_clear_tails_alone_on_request(tmp_path: Any) -> None:
    store = open_store(tmp_path / "store")
    wild = model_rows("lab/wild", method=DEFAULT, alphas=(3.0, 3.0, 78.0), series="s")
    tails = {
        "num_pl_spikes": [100.0, 50.0, 12.0],
        "D": [0.05, 0.05, 0.3],
        "sigma": [0.2, 0.3, 22.0],
    }
    layers = wild.layers
    for name, values in tails.items():
        layers = layers.append_column(name, pa.array(values))
    calm = net("calm", [4.0], "s")
    vague = net("vague", [3.5], "s", num_pl_spikes=12.0)
    wild = ModelRows(wild.model, wild.method, layers, wild.esds)
    store.commit_models([wild, calm, vague], "scan")

    def order(metric: str, quality: str = "all") -> dict[str, Any]:
        table = rank(store, metric, quality=quality)
        return {row["repo_id"].removeprefix("lab/"): row["value"] for row in table.to_pylist()}

    assert order("alpha") == {"vague": 3.5, "calm": 4.0, "wild": 28.0}
    assert order("alpha_median") == {"wild": 3.0, "vague": 3.5, "calm": 4.0}
    weighted = (100 * 3.0 + 50 * 3.0 + 12 * 78.0) / 162
    assert order("alpha_by_tail") == {"vague": 3.5, "calm": 4.0, "wild": pytest.approx(weighted)}
    assert order("alpha", "clear") == {"wild": 3.0, "calm": 4.0, "vague": None}
    (last,) = (row for row in rank(store, "alpha", quality="clear").to_pylist() if not row["rank"])
    assert (last["of"], last["remark"]) == (2, "no layer has a clear tail")


@pytest.mark.parametrize("where", [None, "series = 'vgg'"])
def test_rankings_by_many_metrics_are_those_by_each(where: str | None, store: Store) -> None:
    found = {(quality, metric): table for quality, metric, table in rankings(store, where=where)}
    assert found.keys() == {(quality, m) for quality in QUALITIES for m in LEADING_COLUMNS}
    for metric in ("alpha", "log_norm_median", "random_like"):
        assert found["all", metric].to_pylist() == ranked_or_none(store, metric, where)


def ranked_or_none(store: Store, metric: str, where: str | None) -> list[dict[str, Any]]:
    try:
        return rank(store, metric, where=where).to_pylist()
    except QueryError:
        return []


def test_a_name_may_have_a_comma(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    names = ["net,v2", "net, v3", "net", "v2"]
    store.commit_models([net(name, [float(i), 3.0]) for i, name in enumerate(names)], "scan")
    found = rank(store, "alpha", where="contains(repo_id, ',')")
    assert found["repo_id"].to_pylist() == ["lab/net,v2", "lab/net, v3"]
    given = {"metric": "alpha", "models": 'lab/net, "lab/net,v2"'}
    assert set(store.run("leaderboard", given)["repo_id"].to_pylist()) == {"lab/net", "lab/net,v2"}


def test_that_models_look_random_is_said_of_their_spectra(store: Store) -> None:
    words = told_of_random(rank(store, "alpha", "vgg"))
    assert words is not None
    assert words.startswith("1 of 4 models look random")
    assert "said of spectra, not of accuracy" in words
    assert told_of_random(rank(store, "alpha", "resnet")) is None
    for asked in (("rank", "--metric", "alpha"), ("query", "leaderboard", "-p", "metric=alpha")):
        assert "not of accuracy" in " ".join(zoo(*asked, "--store", store.uri).out.split())
        told = zoo(*asked, "--store", store.uri, "-f", "csv")
        assert ("not of accuracy" in told.out, "not of accuracy" in told.err) == (False, True)
