"""After a scan a reader is told what looks random, what is warned of, and who is first and last."""

from pathlib import Path

import pyarrow as pa

from tests.support.small_models import model_rows
from zoo_analysis.answers.remarks.scan_findings import scan_findings
from zoo_analysis.store import ModelRows, open_store


def net(name: str, weighted: float, series: str | None, bulk: bool = False) -> ModelRows:
    rows = model_rows(f"lab/{name}", method="m", alphas=[3.0, 7.0] * 3, series=series)
    told = {
        "alpha_weighted": [weighted] * 6,
        "random_like": [float(bulk)] * 6,
        "warning": [None, "under-trained"] * 3,
    }
    layers = rows.layers
    for column, values in told.items():
        layers = layers.append_column(column, pa.array(values))
    return ModelRows(rows.model, "m", layers, rows.esds)


def test_the_scan_in_three_lines_and_the_next_command(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit_models([net("before", 1.0, "vgg")], "first")
    models = [net("a", 4.0, "vgg"), net("b", 2.0, "vgg"), net("raw", -9.0, "vgg", bulk=True)]
    store.commit_models([*models, net("alone", 3.0, "other series")], "second")
    found = scan_findings(store, "second", "m")
    assert found is not None
    assert found.told == (
        "1 of 4 models look random, by their share of such layers: lab/raw (100 %) "
        "(said of spectra, not of accuracy)",
        "12 of 24 layers have a warning, in 4 of 4 models: zoo query warnings",
        "in series vgg, by alpha_weighted (lower is better): lab/before (1) first, "
        "lab/a (4) last of 3 that do not look random",
    )
    assert found.following == "zoo query leaderboard -p series=vgg"


def test_each_revision_that_was_scanned_is_one_of_its_models(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    rows = net("a", 4.0, "vgg")
    older = ModelRows(rows.model | {"revision": "older"}, "m", rows.layers, rows.esds)
    store.commit_models([rows, older], "scan")
    found = scan_findings(store, "scan", "m")
    assert found is not None
    assert found.told[0].startswith("0 of 2 models look random")
    assert found.told[1] == "6 of 12 layers have a warning, in 2 of 2 models: zoo query warnings"


def test_layers_without_a_number_are_counted_by_their_reason(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    rows = net("a", 4.0, "vgg")
    status = ["non-finite", "all-zero", "all-zero", "rank-one", "too-few-evals", "success"]
    alphas = pa.array([None] * 5 + [3.0], pa.float64())
    layers = rows.layers.drop_columns(["status", "alpha", "alpha_weighted"])
    layers = layers.append_column("status", pa.array(status)).append_column("alpha", alphas)
    store.commit_models([ModelRows(rows.model, "m", layers, rows.esds)], "scan")
    found = scan_findings(store, "scan", "m")
    assert found is not None
    assert (
        "4 of 6 layers have no number: 2 all-zero, 1 non-finite, 1 rank-one (docs/methods.md)"
        in found.told
    )


def test_warned_layers_are_as_many_as_the_question_lists(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit_models([net("a", 4.0, "vgg"), net("b", 2.0, "vgg")], "scan")
    found = scan_findings(store, "scan", "m")
    assert found is not None
    warned = len(store.run("warnings", {"limit": None}))
    assert found.told[1].startswith(f"{warned} of 12 layers have a warning")


def test_a_model_alone_in_its_series_is_shown_instead_of_ranked(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit_models([net("alone", 3.0, "a series")], "scan")
    found = scan_findings(store, "scan", "m")
    assert found is not None
    assert (len(found.told), found.following) == (2, "zoo show lab/alone")


def test_a_scan_that_committed_nothing_has_no_findings(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit_models([net("alone", 3.0, None)], "scan")
    assert scan_findings(store, "another", "m") is None
