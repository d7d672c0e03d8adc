"""A streamed scan against the scan of the same files on disk, and planning, over a loopback hub."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.timing import Row, paired_medians

#: Layers of the scanned model and their sides; models that are planned.
LAYERS, SIDES, PLANNED = 24, (2048, 1024), 1000


def run(runs: int) -> list[Row]:
    return [_throughput(runs), _planning()]


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, Callable[[str, Path], str]]]:
    """A loopback hub in a process of its own, as another machine would be: its URL, and `serve`."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, folder), daemon=True)
    process.start()
    url = ours.recv()

    def serve(repo_id: str, home: Path) -> str:
        ours.send((repo_id, home))
        return str(ours.recv())

    try:
        yield url, serve
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Any, folder: Path) -> None:
    from tests.support.loopback import running

    with running(folder / "none") as hub:
        pipe.send(hub.url)
        while True:
            repo_id, home = pipe.recv()
            pipe.send(hub.add(repo_id, home).main)


def _throughput(runs: int) -> Row:
    from tests.support import repositories
    from zoo_analysis.measure.rows import measure
    from zoo_analysis.spectra import Method
    from zoo_analysis.weights import HubAccess, hub_access, list_layers, open_checkpoint
    from zoo_analysis.weights.readers.hub_bytes import forget_headers

    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (hub, serve):
        home = repositories.write(Path(folder) / "zoo" / "net", (SIDES,) * LAYERS)
        path = f"hf://me/net@{serve('me/net', home)}/model.safetensors"

        def scan(place: str | Path) -> None:
            forget_headers()
            with open_checkpoint(place) as checkpoint:
                specs = checkpoint.in_file_order(list_layers(checkpoint, {}))
                measure(checkpoint, specs, Method())

        with hub_access(HubAccess(hub, home=folder)):
            streamed, local = paired_medians(lambda: scan(path), lambda: scan(home), runs)
        size = sum(file.stat().st_size for file in home.glob("*.safetensors")) / 1e6
    note = f"{size:.0f} MB in {LAYERS} layers of {SIDES[0]} x {SIDES[1]}, {os.cpu_count()} cores"
    return Row("hub", "streamed scan", streamed, local, local / streamed, "≥ 0.9", runs, note)


def _planning() -> Row:
    from tests.support import repositories
    from zoo_analysis.cluster.forecast import forecast
    from zoo_analysis.sources import resolve_sources
    from zoo_analysis.spectra import Method
    from zoo_analysis.weights import HubAccess, hub_access

    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (hub, serve):
        home = repositories.write(Path(folder) / "zoo" / "net", ((128, 64),) * 20)
        names = [f"me/n{i}" for i in range(PLANNED)]
        for name in names:
            serve(name, home)
        with hub_access(HubAccess(hub, home=folder)):
            start = time.perf_counter()
            resolved = resolve_sources(names)
            plan = forecast(resolved.refs, resolved.problems, frozenset(), Method())
            seconds = time.perf_counter() - start
    assert sum(model.layers or 0 for model in plan.models) == 20 * PLANNED
    note = "20 layers each; seconds against the 60 allowed"
    return Row("hub", f"plan of {PLANNED} models", seconds, 60.0, seconds / 60, "≤ 1", 1, note)
