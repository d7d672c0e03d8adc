"""Checkpoints of one training run are one model's history, in the order of training."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.support.small_models import model_rows
from zoo_analysis.sources import resolve_sources
from zoo_analysis.store import Store, open_store


def history(store: Store, **params: object) -> list[tuple[Any, ...]]:
    shown = ("run", "place", "repo_id", "value", "change")
    return [tuple(row[c] for c in shown) for row in store.run("history", params).to_pylist()]


@pytest.mark.parametrize(
    ("names", "run"),
    [
        (["run/checkpoint-500", "run/checkpoint-1000", "run/checkpoint-20000"], "run"),
        (["lab/net-step_20", "lab/net-step_100", "lab/net"], "lab/net"),
        (["x/epoch=3-step=120", "x/epoch=3-val_loss=0.12", "x/epoch=10-val_loss=0.1"], "x"),
        (["ds/global_step200", "ds/global_step1000"], "ds"),
        (["m/iter_0000010", "m/iter_0001000"], "m"),
        (["r/checkpoint-10/unet", "r/checkpoint-500/unet"], "r/unet"),
    ],
)
def test_history(tmp_path: Path, names: list[str], run: str) -> None:
    store = open_store(tmp_path)
    alphas = {name: 9.0 - i for i, name in enumerate(names)}
    for name in sorted(names, reverse=True):  # scanned in another order than trained
        store.commit_models([model_rows(name, alphas=(alphas[name],))], "scan")
    store.commit_models(
        [model_rows("lab/resnet18"), model_rows("lab/step"), model_rows(run + "2")], "s"
    )
    expected = [(run, i + 1, name, 9.0 - i, -1.0 if i else None) for i, name in enumerate(names)]
    assert history(store) == expected
    assert history(store, run=run.rpartition("/")[2]) == expected
    assert history(store, run="other") == []


def test_revisions_of_a_repository_are_a_history_in_the_order_of_their_dates(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    for revision, day in (("late", "2026-02-02"), ("early", "2026-01-01")):
        told = {"modified": f"{day}T00:00:00+00:00"}
        rows = model_rows("lab/net", revision, alphas=(2.0,), **told)
        store.commit_models([rows], "scan")
    rows = store.run("history").to_pylist()
    assert [(row["revision"], row["in_order_of"]) for row in rows] == [
        ("early", "last changes"),
        ("late", "last changes"),
    ]
    (change,) = store.run("revision-changes").to_pylist()
    assert (change["revision"], change["in_order_of"]) == ("late", "last changes")


def test_an_order_that_nothing_tells_is_that_of_scans_and_said_to_be(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for revision in ("0.3.0", "0.2.0"):
        store.commit_models([model_rows("lab/net", revision, alphas=(2.0,))], "scan")
    rows = store.run("history").to_pylist()
    assert [(row["revision"], row["in_order_of"]) for row in rows] == [
        ("0.3.0", "scans"),
        ("0.2.0", "scans"),
    ]
    assert [row["in_order_of"] for row in store.run("revision-changes").to_pylist()] == ["scans"]


@pytest.mark.parametrize(
    "branches",
    [
        ["step_500", "step_1000", "step_20000"],
        ["step1000", "step143000"],  # as Pythia's are called
        ["step1000-tokens4B", "step99000-tokens415B"],  # as OLMo's
        ["epoch-2", "epoch-10"],
    ],
)
def test_branches_of_a_repository_are_a_history_in_the_order_of_their_steps(
    tmp_path: Path, branches: list[str]
) -> None:
    store = open_store(tmp_path)
    # All pushed on one day, the last step first: dates say nothing, or the wrong thing.
    for hour, branch in enumerate([None, *reversed(branches)]):
        told = {"modified": f"2026-01-01T{hour:02}:00:00+00:00", "branch": branch}
        store.commit_models([model_rows("lab/net", f"of {branch}", alphas=(2.0,), **told)], "scan")
    rows = store.run("history", {"run": "net"}).to_pylist()
    assert [row["revision"] for row in rows] == [f"of {each}" for each in [*branches, None]]
    assert {(row["run"], row["in_order_of"]) for row in rows} == {("lab/net", "steps")}


def test_checkpoints_in_a_tree_are_called_after_their_run(tmp_path: Path) -> None:
    tensors = {"fc.weight": torch.zeros(4, 4)}
    for folder in ("run/checkpoint-500", "run/checkpoint-1000"):
        (tmp_path / "a" / folder).mkdir(parents=True)
        save_file(tensors, tmp_path / "a" / folder / "model.safetensors")
    logs = tmp_path / "b" / "version_0" / "checkpoints"
    logs.mkdir(parents=True)
    for name in ("epoch=3-step=100", "epoch=10-step=330"):
        torch.save(tensors, logs / f"{name}.ckpt")
    refs = resolve_sources([str(tmp_path / "a"), str(tmp_path / "b")]).refs
    assert {ref.repo_id for ref in refs} == {
        "run/checkpoint-500",
        "run/checkpoint-1000",
        "version_0/checkpoints/epoch=3-step=100",
        "version_0/checkpoints/epoch=10-step=330",
    }
    store = open_store(tmp_path / "store")
    store.commit_models([model_rows(ref.repo_id) for ref in refs], "scan")
    assert [row[:3] for row in history(store)] == [
        ("run", 1, "run/checkpoint-500"),
        ("run", 2, "run/checkpoint-1000"),
        ("version_0/checkpoints", 1, "version_0/checkpoints/epoch=3-step=100"),
        ("version_0/checkpoints", 2, "version_0/checkpoints/epoch=10-step=330"),
    ]
