"""What a scan costs besides the work: small models, start-up, a store that knows much."""

import resource
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import ray
import torch
from safetensors.torch import save_file

from tests.bench.timing import Row
from zoo_analysis import open_store, scan
from zoo_analysis.measure.rows import measure
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.spectra import Method
from zoo_analysis.store import ModelRows, tables
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.layers.listing import take_inventory

_SIDES = ((64, 48), (48, 64), (64, 64), (32, 64))
_MANY, _FEW, _KNOWN, _COMMITS = 3000, 200, 1_000_000, 200
#: A process that does what is called `_loop` here.
_ALONE = "import sys; from tests.bench.overhead import _loop; _loop(sys.argv[1], sys.argv[2])"


def run(runs: int) -> list[Row]:
    """The same work by Ray on two CPUs, by whole commands, and by a loop in one process."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        many, few = _zoo(place / "many", _MANY), _zoo(place / "few", _FEW)
        return [*_throughput(place, many, runs), _whole(place, few, runs), _known(place, runs)]


def _throughput(place: Path, zoo: Path, runs: int) -> list[Row]:
    torch.set_num_threads(1)
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    stores, ours, loop, driver = count(), [], [], []
    for i in range(runs + 1):
        used, start = time.process_time(), time.perf_counter()
        assert scan([str(zoo)], place / f"many{next(stores)}").scanned == _MANY
        ours.append(time.perf_counter() - start)
        driver.append(1000 * (time.process_time() - used) / _MANY)
        if i == 0:  # starts the workers
            ours, driver, peak = [], [], _peak()
            continue
        start = time.perf_counter()
        _loop(str(zoo), str(place / f"many{next(stores)}"))
        loop.append(time.perf_counter() - start)
    ray.shutdown()
    case, note = (
        f"{_MANY} models",
        f"driver's peak memory {peak} MB after a scan, {_peak()} at last",
    )
    both = np.median(ours), np.median(loop)
    each = np.median(driver)
    return [
        Row("loop / Ray on 2 CPUs, warm", case, *both, both[1] / both[0], "≥ 1.6", runs, note),
        Row("driver's CPU, ms a model", case, each, 1.5, each / 1.5, "≤ 1", runs),
    ]


def _whole(place: Path, zoo: Path, runs: int) -> Row:
    ours, loop = [], []
    for i in range(runs):
        command = ["-m", "zoo_analysis.cli", "scan", str(zoo), "--store", str(place / f"whole{i}")]
        for said, into in ((command, ours), (["-c", _ALONE, str(zoo), f"{place}/alone{i}"], loop)):
            start = time.perf_counter()
            subprocess.run([sys.executable, *said], check=True, capture_output=True)
            into.append(time.perf_counter() - start)
    both = np.median(ours), np.median(loop)
    case = f"{_FEW} models, whole processes"
    return Row("loop / zoo scan", case, *both, both[1] / both[0], "≥ 1", runs)


def _known(place: Path, runs: int) -> Row:
    store, method = open_store(place / "known"), Method().id
    for part in np.arange(_KNOWN).reshape(_COMMITS, -1):
        rows = {
            "repo_id": [f"lab{i % 9973}/model-{i}" for i in part],
            "revision": [f"sha256-{i:016x}" for i in part],
            "method": [method] * len(part),
            "commit_id": part,
        }
        tables.append(store.location, "commits", pa.table(rows).sort_by("repo_id"))
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(runs):
        zoo = _zoo(place / f"one{i}", 1)
        for into, where in ((times[0], store), (times[1], open_store(place / f"empty{i}"))):
            start = time.perf_counter()
            assert scan([str(zoo)], where).scanned == 1
            into.append(time.perf_counter() - start)
    ours, empty = (float(np.median(each)) for each in times)
    note = "seconds more than in an empty store; target < 3"
    return Row("a million known / none", "one new model", ours, empty, ours / empty, "", runs, note)


def _zoo(place: Path, models: int) -> Path:
    generator = torch.Generator().manual_seed(models)
    for i in range(models):
        (home := place / f"{place.name}-{i:04}").mkdir(parents=True)
        names = {f"l{j}.weight": torch.randn(*s, generator=generator) for j, s in enumerate(_SIDES)}
        save_file(names, home / "model.safetensors")
    return place


def _loop(zoo: str, uri: str) -> None:
    """Read, hash, measure, commit: one model after the other, on one thread."""
    torch.set_num_threads(1)
    store, how = open_store(uri), Method()
    found = resolve_sources([zoo]).refs
    for i in range(0, len(found), 256):
        refs = found[i : i + 256]
        store.commit_models([_measured(resolve_revision(ref), how) for ref in refs], "loop")


def _measured(ref: ModelRef, how: Method) -> ModelRows:
    with open_checkpoint(ref.path) as checkpoint:
        books = take_inventory(checkpoint)
        found = measure(checkpoint, books.layers, how)
    model = {"repo_id": ref.repo_id, "revision": ref.revision, "parameters": books.total}
    return ModelRows(model, how.id, found.layers, found.esds)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
