"""A model that never ends costs a comparison itself, whichever task it holds up."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from tests.pairwise.test_by_activations import seen
from tests.support.compared_models import RESNET, write_timm
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.cluster.account import CorrelateSummary
from zoo_analysis.cluster.comparing import correlate_tasks as tasks
from zoo_analysis.cluster.comparing.correlate_schedule import CorrelateSchedule
from zoo_analysis.cluster.correlate import correlate
from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.processes.task import Room
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.pairwise.pairs import ComparisonPlan, Pair
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import resolve_sources

GB = 10**9
SHORT = Limits(0.3, 1 << 30)
SETTINGS = tasks.CorrelateSettings(ComparisonSettings(), "cpu", 10**9, None)


def endless(*arguments: Any, **options: Any) -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    tree = tmp_path_factory.mktemp("two")
    for number, name in enumerate("ab"):
        write_timm(tree / name, "resnet18", RESNET, number)
    a, b = resolve_sources([str(tree)]).refs
    return Pair(a, b, (SETTINGS.how.key(get_measure("cka"), "digits", "images"),))


def told(outcome: object, stage: str) -> None:
    assert isinstance(outcome, Failure)
    assert (outcome.stage, outcome.error) == (stage, "LimitError")
    assert "--model-seconds" in outcome.message


def test_a_revision_that_never_comes(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "resolve_revision", endless)
    told(tasks.revision_of(pair.a, SHORT), "revision")


def test_a_network_that_is_never_there(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "captured", endless)
    outcome, seen = tasks.capture_model._function(pair.a, load_probe("digits", 9), SETTINGS, SHORT)
    told(outcome, "capture")
    assert seen is None


def test_a_comparison_that_never_ends_leaves_the_others_of_its_task(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_scored", lambda of, *_: endless() if of is pair else of)
    other = Pair(pair.b, pair.a, pair.keys)
    limits = Limits(3 * SHORT.seconds, SHORT.nbytes)
    refs = [pair.a, pair.b]
    first, second, third = tasks.compare_models._function(
        [other, pair, other], refs, SETTINGS, None, None, limits
    )
    told(second, "compare")
    assert second.message.startswith(f"with {pair.b.repo_id}: ")
    assert first is third is other
    told(tasks.compare_checkpoints._function(pair, SETTINGS, SHORT)[0], "compare")


def test_pairs_that_cannot_be_compared_at_once_are_compared_alone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, refs = [replace(pair, turn=1)], [pair.a, pair.b]
    assert pairs[0].at_once
    shown = [seen(name, [(5, 4), (7, 1)], seed=i).captured for i, name in enumerate("ab")]

    def compared() -> tasks.Compared:
        (found,) = tasks.compare_models._function(pairs, refs, SETTINGS, *shown, SHORT)
        assert isinstance(found, tasks.Compared)
        return found

    together = compared().rows.to_pydict()
    called: list[bool] = []

    def exhausted(*arguments: Any, **options: Any) -> None:
        called.append(True)
        raise MemoryError

    for whole in (exhausted, endless):
        monkeypatch.setattr(tasks, "compare_at_once", whole)
        alone = compared().rows.to_pydict()
        assert alone["layer_a"] == together["layer_a"]
        assert alone["value"] == pytest.approx(together["value"], abs=2e-6)
    assert called


def test_the_memory_of_large_models_is_declared_and_small_ones_run_where_they_did(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model of 10 GB at least its weights, in float32; a pair by its activations or layers."""
    monkeypatch.setattr(ray, "put", lambda value: value)
    a, b = (replace(ref, nbytes=10 * GB) for ref in (pair.a, pair.b))
    room = Room(2, 0, 2, 0, 2, 64e9, Node(2, 64 * GB))

    def asked(compared: Pair, numbers: int) -> list[int | None]:
        work = ComparisonPlan((compared,), (compared,), 0, 0)
        writer: Any = SimpleNamespace(summary=CorrelateSummary(""), tell=lambda event: None)
        schedule = CorrelateSchedule(writer, SETTINGS, work, lambda ref: (None, 100), Limits())
        tasks_sent = []
        while task := schedule.next_task(room):
            tasks_sent.append(task)
            if task.function is tasks.capture_model:
                task.done(tasks.Ready(True, 1.0, numbers, 100), None)
        return [task.memory for task in tasks_sent]

    assert asked(pair, 1000) == [None] * 4
    captured, other, by_activations, by_weights = asked(replace(pair, a=a, b=b), GB // 10)
    assert captured == other
    assert captured is not None
    assert 20 * GB < captured < 64 * GB
    assert by_activations is not None
    assert 2 * GB // 10 * 4 < by_activations < 10 * GB
    assert by_weights is not None
    assert by_weights < 10 * GB


@pytest.mark.usefixtures("local_ray")
def test_what_a_user_allows_reaches_every_task(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Limits | None] = []
    next_task = CorrelateSchedule.next_task

    def watched(schedule: CorrelateSchedule, places: int) -> Any:
        task = next_task(schedule, places)
        given.extend([task.limits] if task else [])
        return task

    monkeypatch.setattr(CorrelateSchedule, "next_task", watched)
    done = correlate(
        [pair.a.path, pair.b.path],
        tmp_path / "store",
        measures=["cka", "wcka"],
        probe="digits",
        samples=20,
        model_seconds=500,
        model_memory=5 * 10**9,
    )
    assert (done.pairs, done.failed) == (1, 0)
    assert len(given) == 4, "two models, and the pair by activations and by weights"
    assert all(limits and limits.nbytes == 5 * 10**9 for limits in given)
    assert all(limits and 500 <= limits.seconds < 600 for limits in given)
