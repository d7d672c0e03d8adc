"""The questions about training, sources, outliers, pairs, revisions and cost, answered by hand."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.small_models import model_rows
from zoo_analysis.store import ModelRows, NamedQuery, Store, list_queries, open_store
from zoo_analysis.store.schemas import ESD_ROWS

NET, CONV = "timm:net", "timm:conv"
COLUMNS = (
    *("layer", "depth", "kind", "status", "alpha", "alpha_weighted"),
    *("log_norm", "log_spectral_norm", "warning", "seconds"),
)
OVER, UNDER, OK = "over-trained", "under-trained", "success"
#: repo_id, revision, architecture, parameters, then its layers.
ZOO: list[tuple[str, str, str, int, list[tuple[Any, ...]]]] = [
    (
        "lab/a",
        "r1",
        NET,
        1_000_000,
        [
            ("words", 0, "embedding", OK, 8.0, 8.0, 5.0, 2.0, UNDER, 1.0),
            ("mid", 1, "linear", OK, 2.0, 1.0, 1.0, 1.0, None, 2.0),
            ("head", 2, "linear", OK, 4.0, 3.0, 2.0, 3.0, None, 3.0),
        ],
    ),
    (
        "lab/b",
        "r1",
        NET,
        1_050_000,
        [
            ("stem", 0, "linear", OK, 1.0, 2.0, 1.0, 0.0, OVER, 0.5),
            ("head", 2, "linear", OK, 7.0, 4.0, 3.0, 1.0, UNDER, 0.5),
        ],
    ),
    ("lab/c", "r1", CONV, 4_000_000, [("conv", 0, "conv2d", OK, 3.0, 5.0, 1.0, 2.0, None, 9.0)]),
    ("lab/d", "r1", CONV, 4_000_000, [("conv", 0, "conv2d", OK, 5.0, 9.0, 1.0, 2.0, None, 1.0)]),
    ("lab/a", "r2", NET, 1_000_000, [("mid", 0, "linear", OK, 2.5, 2.0, 1.0, 1.0, None, 0.25)]),
]
ACCURACIES = [
    ("lab/a", "digits", 90.0, "card"),
    ("lab/a", "digits", 91.0, "paper"),
    ("lab/b", "digits", 95.0, "card"),
    ("lab/b", "digits", 95.25, "blog"),
    ("lab/c", "digits", 80.0, "card"),
    ("lab/d", "digits", 60.0, "card"),
]
DAY = datetime(2020, 1, 1, tzinfo=UTC)
FAILURES = [
    ("lab/x", "read", "OSError", "reset", 3),
    ("lab/x", "read", "OSError", "short read", 2),
    ("lab/a", "read", "OSError", "reset", 1),
    ("lab/y", "plan", "SourceError", "no weights", 1),
]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("questions"))
    for repo_id, revision, architecture, parameters, rows in ZOO:
        layers = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows])
        # Singular values 3 and 4 (norm 5); in revision r2 they are 3 and 1.
        spectrum = [1.0, 9.0] if revision == "r2" else [9.0, 16.0]
        esds = pa.table({"layer": layers["layer"], "eigenvalues": [spectrum] * len(rows)})
        model = {
            "repo_id": repo_id,
            "revision": revision,
            "architecture": architecture,
            "parameters": parameters,
            "series": "all",
        }
        store.commit_models([ModelRows(model, "default", layers, esds)], f"s-{revision}")
        time.sleep(0.002)
    names = ("repo_id", "dataset", "value", "source")
    accuracies = [dict(zip(names, row, strict=True)) | {"metric": "accuracy"} for row in ACCURACIES]
    store.append("accuracies", pa.Table.from_pylist(accuracies))
    names = ("repo_id", "stage", "error", "message", "attempts")
    failures = [
        dict(zip(names, row, strict=True)) | {"failed_at": DAY.replace(hour=i)}
        for i, row in enumerate(FAILURES)
    ]
    store.append("failures", pa.Table.from_pylist(failures))
    return store


def ask(zoo: Store, name: str, columns: str, **params: object) -> list[tuple[Any, ...]]:
    table = zoo.run(name, params).select(columns.split())
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_trained_by_depth(zoo: Store) -> None:
    # Halves: depth 0 of 2 is the first, 2 of 2 the second; single layers, as a's at r2, the first.
    shown = "kind depth fitted over_trained under_trained share"
    assert ask(zoo, "trained-by-depth", shown, bins=2) == [
        ("linear", 0.75, 1, 0, 1, 1.0),
        ("linear", 0.25, 2, 1, 0, 0.5),
        ("conv2d", 0.25, 2, 0, 0, 0.0),
    ]
    assert ask(zoo, "trained-by-depth", shown, series="other") == []


def test_architecture_profile(zoo: Store) -> None:
    # conv: α 3 and 5, both λ_max 100. net, first half: b's stem and a@r2's only layer.
    shown = "architecture depth models layers alpha lambda_max"
    assert ask(zoo, "architecture-profile", shown, bins=2) == [
        (CONV, 0.25, 2, 2, 4.0, pytest.approx(100)),
        (NET, 0.25, 2, 2, 1.75, pytest.approx(10**0.5)),
        (NET, 0.75, 1, 1, 7.0, pytest.approx(10)),
    ]
    assert len(ask(zoo, "architecture-profile", shown, architecture=CONV)) == 1


def test_embeddings(zoo: Store) -> None:
    shown = "repo_id layers embeddings alpha alpha_with log_norm log_norm_with"
    assert ask(zoo, "embeddings", shown) == [
        ("lab/a", 2, 1, 3.0, pytest.approx(14 / 3), 1.5, pytest.approx(8 / 3))
    ]


def test_experts(store: Store) -> None:
    alphas = {"mlp.experts.down_proj": [2.0, 3.0, 7.0], "mlp.experts.{}.w1": [4.0, None, 6.0]}
    rows = [
        {
            "layer": name.format(i) if "{" in name else f"{name}[{i}]",
            "depth": depth + i * ("{" in name),  # modules of their own lie one after the other
            "role": "expert",
            "alpha": alpha,
            "stable_rank": 2.0 * i,
        }
        for depth, (name, found) in enumerate(alphas.items())
        for i, alpha in enumerate(found)
    ]
    rows += [{"layer": "mlp.shared_expert.w1", "depth": 3, "role": "expert", "alpha": 9.0}]
    layers = pa.Table.from_pylist(rows).append_column("status", pa.array(["success"] * 7))
    overlaps = [
        {
            "layer": f"mlp.experts.{i}.w1",
            "depth": 1,
            "role": "expert",
            "shape": [200, 40],
            "M": 40,
            "overlap_in": overlap,
            "overlap_out": 0.05,
        }
        for i, overlap in enumerate((0.5, 0.25, 0.75))
    ]
    further = pa.Table.from_pylist(overlaps).append_column("status", pa.array(["subspace"] * 3))
    model, none = {"repo_id": "lab/moe", "revision": "r"}, ESD_ROWS.empty_table()
    store.commit_models([ModelRows(model, "m", layers, none)], "scan")
    store.commit_models([ModelRows(model, "blocks-m", further, none)], "scan")
    shown = "matrices experts fitted alpha alpha_sd alpha_min alpha_max stable_rank_sd"
    assert ask(store, "experts", shown) == [
        ("mlp.experts.down_proj[*]", 3, 3, 4.0, pytest.approx(7**0.5), 2.0, 7.0, 2.0),
        ("mlp.experts.*.w1", 3, 2, 5.0, pytest.approx(2**0.5), 4.0, 6.0, 2.0),
    ]
    compared = "overlap_in chance_in overlap_out chance_out"
    assert ask(store, "experts", compared) == [
        (None,) * 4,
        pytest.approx((0.5, 0.25, 0.05, 0.05)),
    ]
    assert ask(store, "experts", shown, repo_id="other") == []


def test_attention_products(store: Store) -> None:
    rows = [
        {
            "layer": f"layers.{block}.attn[{role},{head}]",
            "depth": 3 * block,
            "kind": "product",
            "role": role,
            "M": 64,
            "alpha": 1.0 + head,
            "effective_rank": rank,
        }
        for block in range(2)
        for role, rank in (("qk", 8.0), ("ov", 32.0))
        for head in (2, 10)
    ]
    layers = pa.Table.from_pylist(rows).append_column("status", pa.array(["success"] * 8))
    model = {"repo_id": "lab/gpt", "revision": "r", "series": "gpt"}
    none = ESD_ROWS.empty_table()
    store.commit_models([ModelRows(model, "blocks-m", layers, none)], "scan")
    shown = "depth block head width qk_alpha ov_alpha qk_rank ov_rank"
    expected = [
        (3 * block, f"layers.{block}.attn", head, 64, 1.0 + head, 1.0 + head, 8.0, 32.0)
        for block in range(2)
        for head in (2, 10)
    ]
    assert ask(store, "attention-products", shown) == expected
    assert ask(store, "attention-products", shown, model="gpt", series="gpt") == expected
    assert ask(store, "attention-products", shown, model="bert") == []
    assert ask(store, "attention-products", shown, method="default") == []


def test_accuracy_disagreements(zoo: Store) -> None:
    shown = "repo_id sources lowest lowest_source highest highest_source difference"
    a = ("lab/a", 2, 90.0, "card", 91.0, "paper", 1.0)
    assert ask(zoo, "accuracy-disagreements", shown) == [a]
    both = ask(zoo, "accuracy-disagreements", shown, above=0)
    assert both == [a, ("lab/b", 2, 95.0, "card", 95.25, "blog", 0.25)]
    assert ask(zoo, "accuracy-disagreements", shown, dataset="mnist") == []


def test_regression_outliers(zoo: Store) -> None:
    # Points (2, 91), (3, 95.25), (5, 80), (9, 60): a at its latest revision, b on average.
    x, y = [2.0, 3.0, 5.0, 9.0], [91.0, 95.25, 80.0, 60.0]
    sxx = sum((v - 4.75) ** 2 for v in x)
    slope = sum((v - 4.75) * w for v, w in zip(x, y, strict=True)) / sxx
    level = sum(y) / 4 - slope * 4.75
    residuals = {name: w - level - slope * v for name, v, w in zip("abcd", x, y, strict=True)}
    variance = sum(e * e for e in residuals.values()) / 2
    told = dict(ask(zoo, "regression-outliers", "repo_id residual", above=0))
    assert told == {f"lab/{name}": pytest.approx(e) for name, e in residuals.items()}
    (first, *_) = ask(zoo, "regression-outliers", "repo_id n studentized", above=0)
    leverage = 1 / 4 + (3 - 4.75) ** 2 / sxx
    expected = residuals["b"] / (variance * (1 - leverage)) ** 0.5
    assert first == ("lab/b", 4, pytest.approx(expected))
    assert ask(zoo, "regression-outliers", "repo_id", above=5) == []


def test_matched_pairs(zoo: Store) -> None:
    # a (1.00 M, metric 2) and b (1.05 M, metric 3): a better by metric, b by accuracy. c and d of
    # one size agree: 5 < 9 and 80 > 60.
    shown = "better_by_metric better_by_accuracy value value_of_other accuracy accuracy_of_other"
    assert ask(zoo, "matched-pairs", shown) == [("lab/a", "lab/b", 2.0, 3.0, 91.0, 95.25)]
    assert ask(zoo, "matched-pairs", shown, tolerance=0.01) == []


def test_pairs_are_of_one_series_or_architecture_and_do_not_look_random(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    # Each is better by the metric and worse by accuracy than the one after it.
    told = [
        ("lab/noise", "vgg", NET, 1.0),
        ("lab/vgg", "vgg", NET, 0.0),
        ("lab/vgg-bn", "vgg", NET, 0.0),
        ("lab/resnet", "resnet", NET, 0.0),
        ("lab/one", None, NET, 0.0),
        ("lab/other", None, NET, 0.0),
        ("lab/conv", None, CONV, 0.0),
    ]
    batch, reported = [], []
    for place, (repo_id, series, architecture, random_like) in enumerate(told):
        about = {"series": series, "architecture": architecture, "parameters": 100}
        rows = model_rows(repo_id, alphas=[float(place)] * 4, **about)
        alike = pa.array([random_like] * 4)
        batch.append(replace(rows, layers=rows.layers.append_column("random_like", alike)))
        of_model = {"repo_id": repo_id, "dataset": "d", "metric": "accuracy", "source": "s"}
        reported.append(of_model | {"value": 50.0 + place})
    store.commit_models(batch, "s")
    store.append("accuracies", pa.Table.from_pylist(reported))
    assert ask(store, "matched-pairs", "better_by_metric better_by_accuracy", metric="alpha") == [
        ("lab/one", "lab/other"),
        ("lab/vgg", "lab/vgg-bn"),
    ]


def test_spectra_changes(zoo: Store) -> None:
    # Singular values (1, 3) against (3, 4), in order: √(4 + 1) of a norm of 5.
    shown = "repo_id before after layer change lambda_max_before lambda_max_after alpha_after"
    change = pytest.approx(5**0.5 / 5)
    assert ask(zoo, "spectra-changes", shown) == [
        ("lab/a", "r1", "r2", "mid", change, 16.0, 9.0, 2.5)
    ]
    assert ask(zoo, "spectra-changes", shown, model="lab/b") == []


def test_scan_cost(zoo: Store) -> None:
    shown = "repo_id revision layers seconds slowest_layer seconds_per_million_parameters"
    assert ask(zoo, "scan-cost", shown, limit=2) == [
        ("lab/c", "r1", 1, 9.0, "conv", 2.25),
        ("lab/a", "r1", 3, 6.0, "head", 6.0),
    ]


def test_failure_causes(zoo: Store) -> None:
    shown = "stage error failures models attempts scanned_since latest_message"
    assert ask(zoo, "failure-causes", shown) == [
        ("read", "OSError", 3, 2, 6, 1, "reset"),
        ("plan", "SourceError", 1, 1, 1, 0, "no weights"),
    ]
    assert len(ask(zoo, "failure-causes", shown, stage="plan")) == 1


def test_scan_days(zoo: Store) -> None:
    # 5 commits by two scans; averaged: 2 + 2 + 1 + 1 + 1 layers.
    shown = "day method models series averaged_layers scans"
    (row,) = ask(zoo, "scan-days", shown)
    assert row[1:] == ("default", 5, 1, 7, 2)
    assert row[0] == datetime.now(UTC).date()
    assert ask(zoo, "scan-days", shown, since="2100-01-01") == []


def test_coverage(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    # 100 elements: 60 measured, 30 packed, 6 of vectors, 4 of an average.
    books = {"parameters_total": 100, "parameters_measured": 60, "coverage": 60 / 90}
    left = pa.table(
        {
            "tensor": ["fc.qweight", "*", "ema.fc"],
            "count": [1, 2, 1],
            "elements": [30, 6, 4],
            "reason": ["packed", "vector", "copy"],
        }
    )
    thin = replace(model_rows("lab/thin", **books), left_out=left)
    whole = {"parameters_total": 50, "parameters_measured": 50, "coverage": 1.0}
    store.commit_models([thin, model_rows("lab/whole", **whole), model_rows("lab/old")], "s")
    shown = "repo_id coverage not_measured packed not_understood vectors copies"
    assert ask(store, "coverage", shown) == [
        ("lab/thin", 60 / 90, 30 + 6 + 4, 30, None, 6, 4),
        ("lab/whole", 1.0, 0, None, None, None, None),
    ]
    assert [row[0] for row in ask(store, "coverage", shown, below=0.9)] == ["lab/thin"]


@pytest.mark.parametrize("named", list_queries(), ids=lambda each: each.name)
def test_answers_come_before_hashes(zoo: Store, named: NamedQuery) -> None:
    needed = {param.name: "x" for param in named.params if param.required}
    columns = zoo.run(named.name, needed).column_names
    hashes = ("revision", "method", "scan_id", "before_revision", "other_revision", "versions")
    first = next((n for n, each in enumerate(columns) if n and each in hashes), len(columns))
    late = set(columns[first:]) - {*hashes, "before", "after"}  # revisions in spectra-changes
    assert not late, f"{named.name}: {late} come after {columns[first]}"
    assert len(columns) < 3 or columns[0] not in ("rank", "failed_at", *hashes[:2])


@pytest.mark.parametrize("name", ["leaderboard", "matched-pairs", "trained-by-depth"])
def test_a_parameter_is_bound_and_never_pasted(zoo: Store, name: str) -> None:
    assert zoo.run(name, {"series": "x' OR '1'='1"}).num_rows == 0
