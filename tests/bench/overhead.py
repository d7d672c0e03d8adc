"""(5) Scanning 200 small models through Ray on 2 CPUs against a plain loop in one process."""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import ray
import torch
from safetensors.torch import save_file

from tests.bench.timing import Row
from zoo_analysis import analyze, scan


def run(runs: int) -> list[Row]:
    """Models of four matrices of side 64 to 256: about 10 ms of work each."""
    with tempfile.TemporaryDirectory() as folder:
        zoo = Path(folder) / "zoo"
        generator = torch.Generator().manual_seed(0)
        for i in range(200):
            home = zoo / f"m{i:03}"
            home.mkdir(parents=True)
            sides = ((256, 256), (256, 128), (128, 128), (64, 128))
            tensors = {
                f"l{j}.weight": torch.randn(*s, generator=generator) for j, s in enumerate(sides)
            }
            save_file(tensors, home / "model.safetensors")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        torch.set_num_threads(1)
        times: tuple[list[float], list[float]] = ([], [])
        for i in range(runs + 1):
            store = tempfile.mkdtemp()
            start = time.perf_counter()
            assert scan([str(zoo)], store).scanned == 200
            middle = time.perf_counter()
            for home in sorted(zoo.iterdir()):
                analyze(home)
            end = time.perf_counter()
            shutil.rmtree(store)
            if i:  # the first round starts the workers
                times[0].append(middle - start)
                times[1].append(end - middle)
        ray.shutdown()
        ours, loop = (float(np.median(t)) for t in times)
    note = "the scan also hashes the files and commits to the store"
    return [
        Row("Ray on 2 CPUs / plain loop", "200 models", ours, loop, ours / loop, "", runs, note)
    ]
