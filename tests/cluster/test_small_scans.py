"""A small scan of this machine's models starts no Ray, and finds what a large one would find."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.repositories import write
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store, scan
from zoo_analysis.cluster import scan as scan_module
from zoo_analysis.cluster.account import Event
from zoo_analysis.cluster.processes import local_workers
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.scanning import batches, scan_by_method
from zoo_analysis.errors import ZooError
from zoo_analysis.measure.rates import TYPICAL


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no test before had started Ray."""
    monkeypatch.setattr(scan_module, "is_there", lambda address: bool(address))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def test_a_small_scan_imports_neither_ray_nor_torch_and_a_rerun_starts_no_process(
    make_model: MakeModel, store: str
) -> None:
    tree = make_model("a").parent
    code = f"""
import subprocess, sys
from zoo_analysis import scan
processes, popen = [], subprocess.Popen
class Counted(popen):
    def __init__(self, *args, **kwargs):
        processes.append(args)
        super().__init__(*args, **kwargs)
subprocess.Popen = Counted
for _ in range(2):
    summary = scan([{str(tree)!r}], {store!r})
    print(summary.scanned, summary.skipped, len(processes))
print(sorted({{"ray", "torch"}} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["1 0 1", "0 1 1", "[]"]


def test_what_was_to_be_expected_counts_the_start_of_processes_unless_none_was_started(
    make_model: MakeModel, store: str
) -> None:
    tree = str(make_model("a").parent)
    assert scan([tree], store).predicted > TYPICAL.starting
    assert scan([tree], store).predicted == 0.0


def test_work_that_pays_for_it_starts_ray_and_that_is_said(
    make_model: MakeModel, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started(Exception):
        pass

    def started(address: str | None) -> None:
        raise Started

    monkeypatch.setattr("zoo_analysis.cluster.session.ray_session", started)
    tree, events = make_model("a").parent, list[Event]()
    assert scan([str(tree)], store, on_event=events.append).scanned == 1
    assert "starting" not in {event.kind for event in events}
    make_model("b")
    monkeypatch.setattr(batches, "LITTLE", 0.0)
    with pytest.raises(Started):
        scan([str(tree)], store, on_event=events.append)
    assert events[-1] == Event("starting", "Ray")


def test_nothing_that_is_known_of_other_models_goes_to_a_task(
    make_model: MakeModel, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        make_model(f"known{i}")
    tree = make_model("changed").parent
    scan([str(tree)], store)
    (tree / "changed" / "config.json").write_text("{}")
    make_model("new")
    sent: list[Task] = []
    submit = local_workers.LocalWorkers.submit

    def spy(workers: Any, task: Task) -> Task:
        sent.append(task)
        return submit(workers, task)

    monkeypatch.setattr(local_workers.LocalWorkers, "submit", spy)
    monkeypatch.setattr(scan_by_method, "_BYTES_HASHED", 0)
    summary = scan([str(tree)], store)
    assert (summary.scanned, summary.skipped, summary.failed) == (2, 3, 0)
    models = {model.ref.repo_id: model for task in sent for model in task.arguments[0]}
    assert {name: len(model.known) for name, model in models.items()} == {
        "zoo/changed": 1,
        "zoo/known0": 1,
        "zoo/known1": 1,
        "zoo/known2": 1,
        "zoo/new": 0,
    }


def test_models_of_the_hub_come_by_permit_without_ray(hub: Hub, hub_root: Path, store: str) -> None:
    for name in ("a", "b", "c"):
        hub.add(f"me/{name}", write(hub_root / "me" / name))
    summary = scan(["me/a", "me/b", "me/c"], store, access=hub.access, downloads=1)
    assert (summary.scanned, summary.failed) == (3, 0)


def test_an_unknown_device_is_refused_and_cuda_is_ray_s_to_find(
    make_model: MakeModel, store: str
) -> None:
    folder = str(make_model("a"))
    with pytest.raises(ZooError, match="device is 'tpu'"):
        scan([folder], store, device="tpu")  # type: ignore[arg-type]


def test_a_child_that_cannot_import_torch_is_a_failure_and_no_endless_wait(
    make_model: MakeModel, tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken" / "torch").mkdir(parents=True)
    (tmp_path / "broken" / "torch" / "__init__.py").write_text("raise ImportError('no torch')")
    monkeypatch.syspath_prepend(str(tmp_path / "broken"))
    summary = scan([str(make_model("a"))], store)
    assert (summary.scanned, summary.failed) == (0, 1)
    assert "no torch" in open_store(store).sql("SELECT message FROM failures").fetchall()[0][0]


def test_the_command_says_nothing_of_ray(make_model: MakeModel, store: str) -> None:
    answer = zoo("scan", make_model("a"), "--store", store)
    assert answer.code == 0
    assert "Ray" not in answer.err + answer.out
