"""(1) A zoo's scan against weightwatcher, and (2) against the bare linear algebra it needs."""

import contextlib
import io
import logging
import multiprocessing
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import ray

from tests.bench.timing import Row
from tests.bench.zoo import zoo_on_disk
from zoo_analysis import open_store, scan
from zoo_analysis.measure.cost import cost
from zoo_analysis.spectra import Method, method
from zoo_analysis.weights import LayerSpec, list_layers, load_kernel, open_checkpoint


def run(runs: int) -> list[Row]:
    """Both comparisons, in float64 and float32, with Ray's start outside the clock."""
    rows = []
    with zoo_on_disk() as zoo:
        theirs, alphas = _weightwatcher(zoo)
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        _scan(zoo, Method())  # workers started, page cache warm
        for dtype, target in (("float64", "≥ 4"), ("float32", "≥ 7")):
            ours, kept = zip(
                *(_scan(zoo, method("weightwatcher", dtype=dtype)) for _ in range(runs)),
                strict=True,
            )
            seconds = float(np.median(ours))
            worst = max(
                abs(kept[0][key] / alpha - 1) for key, alpha in alphas.items() if key in kept[0]
            )
            note = f"{len(kept[0])} layers, alphas differ by at most {worst:.1e}"
            rows.append(
                Row(
                    "scan / weightwatcher",
                    dtype,
                    seconds,
                    theirs,
                    theirs / seconds,
                    target,
                    runs,
                    note,
                )
            )
        ours = [_scan(zoo, Method())[0] for _ in range(runs)]
        ray.shutdown()
        bare = [_bare(zoo) for _ in range(runs)]
        a, b = float(np.median(ours)), float(np.median(bare))
        rows.append(Row("scan / bare Gram + eigvalsh", "float64", a, b, a / b, "≤ 1.25", runs))
    return rows


def _scan(zoo: Path, how: Method) -> tuple[float, dict[tuple[str, str], float]]:
    """Wall clock of a scan into a new store, and α by (model, layer)."""
    store = tempfile.mkdtemp()
    try:
        start = time.perf_counter()
        summary = scan([str(zoo)], store, how, device="cpu")
        seconds = time.perf_counter() - start
        assert summary.failed == 0, summary.failures
        layers = open_store(store).sql("SELECT repo_id, layer, alpha FROM layers").fetchall()
    finally:
        shutil.rmtree(store)
    return seconds, {(r.split("/")[1], layer): a for r, layer, a in layers if a is not None}


def _weightwatcher(zoo: Path) -> tuple[float, dict[tuple[str, str], float]]:
    """weightwatcher on the same files, one model after the other, BLAS on both cores."""
    from safetensors.torch import load_file

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import weightwatcher

        logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
        alphas = {}
        start = time.perf_counter()
        for home in sorted(zoo.iterdir()):
            watcher = weightwatcher.WeightWatcher(model=load_file(home / "model.safetensors"))
            details = watcher.analyze()
            alphas |= {
                (home.name, name): alpha
                for name, alpha in zip(details["name"], details["alpha"], strict=True)
            }
        return time.perf_counter() - start, alphas


def _bare(zoo: Path) -> float:
    """Gram matrices and eigvalsh of all layers in two processes, the largest first."""
    work: list[tuple[Path, LayerSpec]] = []
    for home in zoo.iterdir():
        with open_checkpoint(home) as checkpoint:
            work += [(home, spec) for spec in list_layers(checkpoint)]
    work.sort(key=lambda item: -cost(item[1], Method()).flops)
    with multiprocessing.get_context("spawn").Pool(2, _one_thread) as pool:
        pool.map(_nothing, range(2))
        start = time.perf_counter()
        for _ in pool.imap_unordered(_bare_layer, work, chunksize=1):
            pass
        return time.perf_counter() - start


def _one_thread() -> None:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


def _nothing(_: int) -> None:
    time.sleep(0.5)


def _bare_layer(item: tuple[Path, LayerSpec]) -> None:
    import torch
    from scipy.linalg import blas

    home, spec = item
    with open_checkpoint(home) as checkpoint:
        kernel = load_kernel(checkpoint, spec)
        batch = kernel.reshape(*kernel.shape[:3], -1).permute(0, 3, 1, 2).flatten(0, 1)
        if len(batch) > 1:
            batch = batch.double()
            tall = batch.shape[1] >= batch.shape[2]
            torch.linalg.eigvalsh(batch.mT @ batch if tall else batch @ batch.mT)
            return
        matrix = batch[0].double().numpy()
        tall = matrix.shape[0] >= matrix.shape[1]
        gram = blas.dsyrk(1.0, matrix.T if tall else matrix, trans=0)
        torch.linalg.eigvalsh(torch.from_numpy(gram.T))
