"""A model's diagnoses: shares of comparable layers, and first of all whether it looks trained."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scipy.stats import binomtest, theilslopes

from tests.support.command import zoo
from zoo_analysis.answers.diagnosis import diagnose
from zoo_analysis.answers.ranking import rank
from zoo_analysis.imports.metric_tables import NO_ESDS
from zoo_analysis.store import ModelRows, Store, open_store

DEPTH = 12


def layer(i: int, **values: Any) -> dict[str, Any]:
    plain = {
        "layer": f"l{i}",
        "depth": i,
        "kind": "linear",
        "role": "mlp",
        "shape": [64, 32],
        "status": "success",
        "num_evals": 32,
        "rank_loss": 0.0,
        "alpha": 3.0,
        "sigma": 0.1,
        "log_norm": 2.0,
        "log_spectral_norm": 1.0 + 0.01 * (i % 3),
        "random_like": 0.0,
        "num_traps": None,
        "warning": None,
    }
    return plain | values


def commit(store: Store, name: str, rows: list[dict[str, Any]], series: str | None = "s") -> None:
    repo = {"repo_id": f"lab/{name}", "revision": "r", "series": series}
    store.commit_models([ModelRows(repo, "default", pa.Table.from_pylist(rows), NO_ESDS)], "scan")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def found(store: Store, rows: list[dict[str, Any]]) -> dict[str, Any]:
    commit(store, "net", rows)
    return {finding.diagnosis: finding for finding in diagnose(store, "net").findings}


@pytest.mark.parametrize(
    ("alike", "of", "verdict"),
    [
        (20, 21, "random-like"),
        (1, 37, "not random-like"),
        (4, 50, "not random-like"),
        (6, 12, "undecided"),
        (3, 3, "undecided"),
        (4, 4, "random-like"),
    ],
)
def test_the_first_question_is_whether_it_looks_trained(
    store: Store, alike: int, of: int, verdict: str
) -> None:
    rows = [layer(i, random_like=float(i < alike)) for i in range(of)]
    rows.append(layer(99, kind="embedding", random_like=1.0))
    first = diagnose_first(store, rows)
    assert (first.diagnosis, first.verdict) == ("trained at all", verdict)
    wilson = binomtest(alike, of).proportion_ci(method="wilson")
    assert first.numbers["random_like_low"] == pytest.approx(wilson.low)
    assert first.numbers["random_like_high"] == pytest.approx(wilson.high)
    assert f"{alike} of {of} layers" in first.text
    assert "nothing of accuracy" in first.text


def diagnose_first(store: Store, rows: list[dict[str, Any]]) -> Any:
    commit(store, "net", rows)
    return diagnose(store, "net").findings[0]


def test_of_a_random_model_no_alpha_is_told(store: Store) -> None:
    told = found(store, [layer(i, random_like=1.0, alpha=9.0) for i in range(DEPTH)])
    for name in ("correlation flow", "training"):
        assert (told[name].verdict, told[name].layers) == ("not told", ())
    assert told["rank collapse"].verdict == "none"


def test_layers_that_are_random_like_are_in_no_flow_and_not_under_trained(store: Store) -> None:
    rows = [layer(i) for i in range(DEPTH)]
    rows[4] |= {"random_like": 1.0, "alpha": 12.0, "warning": "under-trained"}
    told = found(store, rows)
    assert told["trained at all"].layers == ("l4",)
    assert told["correlation flow"].numbers["n"] == DEPTH - 1
    assert (told["training"].numbers["fitted"], told["training"].layers) == (DEPTH - 1, ())


@pytest.mark.parametrize(
    ("alphas", "verdict"),
    [
        ([3 + 0.02 * (i % 2) for i in range(DEPTH)], "no trend, steady"),
        ([2.5 + 0.2 * i for i in range(DEPTH)], "rising, steady"),
        ([5 - 0.1 * i for i in range(DEPTH)], "falling, steady"),
        ([[2.5, 5.5, 2.2, 5.8, 3.0, 5.0][i % 6] for i in range(DEPTH)], "no trend, erratic"),
    ],
)
def test_a_flow_is_told_by_its_trend_and_its_scatter(
    store: Store, alphas: list[float], verdict: str
) -> None:
    flow = found(store, [layer(i, alpha=alpha) for i, alpha in enumerate(alphas)])[
        "correlation flow"
    ]
    assert flow.verdict == verdict
    line = theilslopes(alphas, [i / (DEPTH - 1) for i in range(DEPTH)])
    assert flow.numbers["slope"] == pytest.approx(line.slope)
    assert flow.numbers["slope_low"] == pytest.approx(line.low_slope)
    assert flow.numbers["slope_high"] == pytest.approx(line.high_slope)


def test_a_layer_or_two_do_not_make_a_model_over_or_under_trained(store: Store) -> None:
    rows = [layer(i) for i in range(DEPTH)]
    rows += [
        layer(12, alpha=1.5, sigma=0.1),
        layer(13, alpha=6.4, sigma=0.5),
        layer(14, alpha=900.0, warning="degenerate-tail"),
        layer(15, alpha=9.0, kind="embedding"),
        layer(16, alpha=8.0, sigma=0.5, warning="under-trained, short-tail"),
    ]
    training = found(store, rows)["training"]
    assert training.verdict == "mostly within 2 to 6"
    assert training.layers == ("l12", "l13", "l16")
    numbers = training.numbers
    assert (numbers["fitted"], numbers["over_trained"], numbers["under_trained"]) == (15, 1, 2)
    assert (numbers["beyond_error"], numbers["short_tails"]) == (2, 1), "6.4 ± 1 may be below 6"
    assert numbers["degenerate_tails"] == 1
    wilson = binomtest(2, 15).proportion_ci(method="wilson")
    assert numbers["under_trained_high"] == pytest.approx(wilson.high)


@pytest.mark.parametrize(
    ("under", "verdict"), [(12, "mostly under-trained"), (7, "mixed"), (1, "mostly within 2 to 6")]
)
def test_most_is_where_the_interval_of_the_share_is_above_one_half(
    store: Store, under: int, verdict: str
) -> None:
    rows = [layer(i, alpha=8.0 if i < under else 3.0) for i in range(DEPTH)]
    assert found(store, rows)["training"].verdict == verdict


def test_norms_are_compared_among_layers_of_a_kind_and_shape(store: Store) -> None:
    """Stems, heads and wide matrices have other norms and are no collapse."""
    rows = [layer(i) for i in range(8)]
    rows += [
        layer(20, kind="conv2d", shape=[64, 3, 7, 7], log_spectral_norm=-4.0),
        layer(21, shape=[1000, 64], log_spectral_norm=6.0),
        layer(22, shape=[100, 40], log_spectral_norm=1.3),
    ]
    collapse = found(store, rows)["scale collapse"]
    assert (collapse.verdict, collapse.numbers["compared"]) == ("none", 9)
    assert "2 layers without comparable ones" in collapse.text


def test_one_of_many_alike_that_is_a_decade_off_is_named(store: Store) -> None:
    rows = [layer(i) for i in range(DEPTH)]
    rows[5]["log_spectral_norm"] = -4.0
    rows[7]["log_spectral_norm"] = 1.5
    collapse = found(store, rows)["scale collapse"]
    assert (collapse.verdict, collapse.layers) == ("1 of 12 collapsed", ("l5",))
    assert "l5 (10^−5.0)" in collapse.text


def test_rank_collapse_and_traps_are_shares(store: Store) -> None:
    rows = [layer(i, num_traps=0.0) for i in range(DEPTH)]
    rows[3] |= {"rank_loss": 16.0, "num_traps": 2.0}
    rows[4] |= {"status": "all-zero", "rank_loss": None, "log_spectral_norm": None, "alpha": None}
    told = found(store, rows)
    rank = told["rank collapse"]
    assert (rank.verdict, rank.layers) == ("2 of 12 collapsed", ("l3", "l4"))
    assert "l3 (50 % lost), l4 (100 % lost)" in rank.text
    traps = told["correlation traps"]
    assert (traps.verdict, traps.layers, traps.numbers["traps"]) == ("1 of 12 trapped", ("l3",), 2)


def test_a_sound_model_has_nothing_to_tell(store: Store) -> None:
    told = found(store, [layer(i) for i in range(DEPTH)])
    verdicts = [finding.verdict for finding in told.values()]
    assert verdicts[:5] == [
        "not random-like",
        "no trend, steady",
        "none",
        "mostly within 2 to 6",
        "none",
    ]
    assert told["correlation traps"].text == "not measured: scan with --randomize"
    assert told["among its series"].verdict == "alone"


@pytest.mark.parametrize(("others", "verdict"), [(2, "too few to tell"), (7, "outlier")])
def test_three_models_have_no_outlier(store: Store, others: int, verdict: str) -> None:
    for number in range(others):
        alpha = 3 + 0.01 * number
        commit(store, f"other-{number}", [layer(i, alpha=alpha) for i in range(DEPTH)])
    among = found(store, [layer(i, alpha=5.5) for i in range(DEPTH)])["among its series"]
    assert (among.verdict, among.numbers["of"]) == (verdict, others + 1)
    assert among.numbers["alpha_rank"] == others + 1


def test_places_in_a_series_are_those_of_the_ranking(store: Store) -> None:
    for number in range(7):
        commit(store, f"raw-{number}", [layer(i, alpha=1, random_like=1.0) for i in range(DEPTH)])
    for number in range(6):
        commit(store, f"other-{number}", [layer(i, alpha=3 + number / 9) for i in range(DEPTH)])
    among = found(store, [layer(i, alpha=3.01) for i in range(DEPTH)])["among its series"]
    (ranked,) = (r for r in rank(store, "alpha").to_pylist() if r["repo_id"] == "lab/net")
    assert (among.numbers["alpha_rank"], among.numbers["of"]) == (ranked["rank"], ranked["of"])
    assert among.numbers["alpha_rank"] == 2
    # Untrained twins do not make it an outlier.
    assert among.verdict == "usual"
    assert among.text.startswith("in s, lowest first, those that look random last: ")
    twin = next(f for f in diagnose(store, "raw-3").findings if f.diagnosis == "among its series")
    assert twin.numbers["alpha_rank"] == 8


def test_layers_of_older_stores_are_not_judged(store: Store) -> None:
    rows = [{k: v for k, v in layer(i).items() if k != "random_like"} for i in range(DEPTH)]
    told = found(store, rows)
    assert told["trained at all"].verdict == "not told"
    assert told["training"].numbers["fitted"] == DEPTH
    assert math.isfinite(told["correlation flow"].numbers["scatter"])


def test_the_command_begins_with_the_first_question(store: Store) -> None:
    commit(store, "net", [layer(i, random_like=1.0) for i in range(DEPTH)])
    told = zoo("diagnose", "net", "--store", store.uri)
    assert "trained at all: random-like. 12 of 12 layers (100 %, 76–100 %)" in told.out
    read = json.loads(zoo("diagnose", "net", "--store", store.uri, "--json").out)
    assert read["findings"][0]["numbers"]["judged"] == DEPTH
