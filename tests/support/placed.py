"""A scan that notes where its tasks go, on a cluster whose GPUs are fake: it computes on cores.

Driven by ``python -c``, so that workers find these functions under the name of this module.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from zoo_analysis.cluster.processes import ray_workers
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.scanning import scan_schedule, scan_tasks

#: Names the folder of the notes, for the driver and for the nodes.
NOTES = "PLACED_NOTES"
#: Models that are opened first, however small others are, and the one that the others wait for.
LARGE, OPENED = {"zoo/huge", "zoo/large"}, "zoo/large"
measure_piece, scan_models = scan_tasks.measure_piece, scan_tasks.scan_models


@dataclass(frozen=True)
class Placed:
    """A task: what it was asked for, or what it had and when.

    Attributes:
        what: the task.
        device: that it was to compute on.
        cpus: of the demand, or threads.
        memory: bytes of the demand.
        gpus: of the demand.
        visible: GPUs that its process saw.
        start: by the machine's clock.
        end: by the same.
    """

    what: str
    device: str = ""
    cpus: float = 0.0
    memory: int = 0
    gpus: float = 0.0
    visible: str = ""
    start: float = 0.0
    end: float = 0.0

    def note(self) -> None:
        """Leave it in the folder of the notes."""
        name = f"{self.what.replace('/', '-')}-{os.getpid()}-{time.monotonic_ns()}.json"
        (Path(os.environ[NOTES]) / name).write_text(json.dumps(asdict(self)))


def notes(folder: Path, what: str) -> list[Placed]:
    """What was noted of some tasks, in the order of its beginning."""
    found = [Placed(**json.loads(file.read_text())) for file in folder.glob("*.json")]
    return sorted((each for each in found if each.what == what), key=lambda each: each.start)


def placed_piece(ref: Any, piece: Any, settings: Any, limits: Any, threads: int) -> Any:
    """A piece, measured on a core wherever it was meant to go."""
    start, visible = time.monotonic(), os.environ.get("CUDA_VISIBLE_DEVICES", "")
    out = measure_piece(ref, piece, replace(settings, device="cpu"), limits, threads)
    times = {"start": start, "end": time.monotonic()}
    Placed("piece", settings.device, cpus=threads, visible=visible, **times).note()
    return out


def placed_models(models: Any, settings: Any) -> Any:
    """Models that are opened, and measured where they are small: after those that are large."""
    start, names = time.monotonic(), {model.ref.repo_id for model in models}
    if not names & LARGE:
        until(lambda: notes(Path(os.environ[NOTES]), "opened"))
    out = scan_models(models, settings)
    if OPENED in names:
        Placed("opened").note()
    times = {"start": start, "end": time.monotonic()}
    Placed("models", settings.device, cpus=len(models), **times).note()
    return out


def placed_scan(gpu_memory: int, *arguments: str) -> None:
    """`zoo scan` with these arguments, on GPUs of so many bytes."""
    import ray

    from zoo_analysis.cli import main

    submit = ray_workers.RayWorkers.submit

    def asked(workers: ray_workers.RayWorkers, task: Task) -> Any:
        demand = {"cpus": task.cpus, "memory": task.memory or 0, "gpus": task.gpus}
        Placed(f"asked {task.function.__name__}", start=time.monotonic(), **demand).note()
        return submit(workers, task)

    ray_workers.RayWorkers.submit = asked  # type: ignore[method-assign]
    ray_workers.gpu_memory = SimpleNamespace(remote=lambda: ray.put(gpu_memory))
    scan_schedule.measure_piece, scan_schedule.scan_models = placed_piece, placed_models
    main(["scan", *arguments])


def until(fact: Callable[[], object], seconds: float = 120) -> None:
    """Wait for a fact."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


def until_told(folder: str) -> None:
    """Do nothing until the file ``go`` is there."""
    until((Path(folder) / "go").exists)


def waiting_tasks(address: str, count: int) -> None:
    """So many tasks that wait to be told, each noted when it is sent."""
    from zoo_analysis.cluster.flow import run_tasks
    from zoo_analysis.cluster.processes.task import Room
    from zoo_analysis.cluster.session import ray_session

    left = list(range(count))

    def next_task(room: Room) -> Task | None:
        if not left:
            return None
        left.pop()
        Placed("sent", cpus=room.cpus, gpus=room.gpus).note()
        told = (until_told, os.environ[NOTES])
        return Task(ray_workers.call, told, lambda done: None, lambda error, attempts: None)

    with ray_session(address) as link:
        run_tasks(next_task, ray_workers.RayWorkers(link))
