"""Twelve architectures by two workers against one, and what had been predicted of both."""

import shutil
import tempfile

import ray

from tests.bench.timing import Row
from tests.bench.zoo import ARCHITECTURES, zoo_on_disk
from zoo_analysis import calibrate, scan


def run(runs: int) -> list[Row]:
    """Scans into new stores that know this machine; the start of Ray is not counted."""
    seconds: dict[int, float] = {}
    predicted: dict[int, float] = {}
    with zoo_on_disk(ARCHITECTURES) as zoo, tempfile.TemporaryDirectory() as folder:
        calibrate(f"{folder}/rates")
        for workers in (1, 2):
            ray.init(address="local", num_cpus=workers, include_dashboard=False)
            for i in range(runs):
                store = f"{folder}/{workers}-{i}"
                shutil.copytree(f"{folder}/rates", store)
                summary = scan([str(zoo)], store)
                assert summary.scanned == len(ARCHITECTURES)
                if summary.seconds < seconds.get(workers, float("inf")):
                    seconds[workers], predicted[workers] = summary.seconds, summary.predicted
            ray.shutdown()
    case = "twelve architectures"
    ratio = seconds[1] / seconds[2]
    rows = [Row("two workers / one", case, seconds[2], seconds[1], ratio, "≥ 1.85", runs, "best")]
    for workers in (1, 2):
        ours, other = predicted[workers], seconds[workers]
        rows.append(
            Row("predicted / actual", f"{workers} workers", ours, other, ours / other, "1 ± 0.2", 1)
        )
    return rows
