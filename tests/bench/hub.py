"""A streamed scan against that of the same files on disk, downloads side by side, and planning."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.timing import Row, paired_medians

#: Layers of the scanned model and their sides; models that are planned.
LAYERS, SIDES, PLANNED = 24, (2048, 1024), 1000
#: Pickles that are downloaded, at the same time, and seconds after which each begins to come.
PICKLES, AT_ONCE, LATE = 8, 4, 0.5


def run(runs: int) -> list[Row]:
    return [_throughput(runs), _downloads(runs), _planning()]


@contextmanager
def _server(folder: Path, late: float = 0.0) -> Iterator[tuple[str, Callable[[str, Path], str]]]:
    """A loopback hub in a process of its own, as another machine would be: its URL, and `serve`.

    Args:
        folder: that may be used.
        late: seconds that every answer waits.
    """
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, folder, late), daemon=True)
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


def _serve(pipe: Any, folder: Path, late: float) -> None:
    from tests.support.loopback import running

    with running(folder / "none") as hub:
        hub.faults.rate, hub.faults.kinds, hub.faults.delay = float(late > 0), ("slow",), late
        pipe.send(hub.url)
        while True:
            repo_id, home = pipe.recv()
            pipe.send(hub.add(repo_id, home).main)


def _throughput(runs: int) -> Row:
    from tests.support import repositories
    from zoo_analysis.hub.access import HubAccess
    from zoo_analysis.measure.rows import measure
    from zoo_analysis.spectra import Method
    from zoo_analysis.weights import list_layers, open_checkpoint
    from zoo_analysis.weights.readers.hub_bytes import forget_headers

    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (hub, serve):
        home = repositories.write(Path(folder) / "zoo" / "net", (SIDES,) * LAYERS)
        path = f"hf://me/net@{serve('me/net', home)}/model.safetensors"

        access = HubAccess(hub, home=folder)

        def scan(place: str | Path) -> None:
            forget_headers()
            with open_checkpoint(place, access) as checkpoint:
                specs = checkpoint.in_file_order(list_layers(checkpoint, {}))
                measure(checkpoint, specs, Method())

        streamed, local = paired_medians(lambda: scan(path), lambda: scan(home), runs)
        size = sum(file.stat().st_size for file in home.glob("*.safetensors")) / 1e6
    note = f"{size:.0f} MB in {LAYERS} layers of {SIDES[0]} x {SIDES[1]}, {os.cpu_count()} cores"
    return Row("hub", "streamed scan", streamed, local, local / streamed, "≥ 0.9", runs, note)


def _downloads(runs: int) -> Row:
    import torch

    from tests.support import repositories
    from zoo_analysis.hub.access import HubAccess
    from zoo_analysis.weights import open_checkpoint

    with tempfile.TemporaryDirectory() as folder, _server(Path(folder), LATE) as (hub, serve):
        paths = []
        for i in range(PICKLES):
            home = Path(folder) / "zoo" / f"n{i}"
            home.mkdir(parents=True)
            torch.save(repositories.tensors(home.name, ((512, 512),)), home / "pytorch_model.bin")
            paths.append(f"hf://me/n{i}@{serve(f'me/n{i}', home)}/pytorch_model.bin")

        def fetch(downloads: int) -> None:
            gate = threading.BoundedSemaphore(downloads)
            with (
                tempfile.TemporaryDirectory() as home,
                ThreadPoolExecutor(PICKLES) as pool,
            ):
                access = HubAccess(hub, home=home, gate=lambda: gate)
                list(pool.map(lambda path: open_checkpoint(path, access).close(), paths))

        together, alone = paired_medians(lambda: fetch(AT_ONCE), lambda: fetch(1), runs)
    note = f"{PICKLES} pickles of 1 MB, each {LATE} s late, by one node"
    case = f"{AT_ONCE} downloads at once"
    return Row("hub", case, together, alone, alone / together, "≥ 2", runs, note)


def _planning() -> Row:
    from tests.support import repositories
    from zoo_analysis.cluster.planning.forecast import plan
    from zoo_analysis.hub.access import HubAccess

    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (hub, serve):
        home = repositories.write(Path(folder) / "zoo" / "net", ((128, 64),) * 20)
        names = [f"me/n{i}" for i in range(PLANNED)]
        for name in names:
            serve(name, home)
        access = HubAccess(hub, home=folder)
        start = time.perf_counter()
        priced = plan(names, Path(folder) / "store", access=access)
        seconds = time.perf_counter() - start
    assert sum(model.layers or 0 for model in priced.models) == 20 * PLANNED
    note = "20 layers each; seconds against the 60 allowed"
    return Row("hub", f"plan of {PLANNED} models", seconds, 60.0, seconds / 60, "≤ 1", 1, note)
