"""Reports of generated stores of 30, 300 and 2,000 models of 100 layers: seconds and megabytes.

The rows are those of twenty measured matrices, each model's scaled by a factor of its own; every
model has a series of twenty and a reported accuracy. A report made again has nothing to write.
"""

import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.bench.timing import Row
from zoo_analysis.report.page.build import build_report
from zoo_analysis.spectra import Method, analyze_kernel
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import ACCURACIES

SIZES = [int(each) for each in os.environ.get("ZOO_BENCH_MODELS", "30,300,2000").split(",")]
LAYERS, SERIES, PER_COMMIT = 100, 20, 50


def run(runs: int) -> list[Row]:
    """A report made, and made again, of each size; timed once."""
    rows = []
    for models in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(Path(folder) / "store")
            _generate(store, models)
            made = build_report(store, Path(folder) / "report")
            again = build_report(store, Path(folder) / "report")
            index = Path(made.folder)
            size = sum(
                (index / name).stat().st_size for name in ("index.html", "data/leaderboard.js")
            )
            note = (
                f"{made.bytes / 1e6:.1f} MB in {made.written} files, index {size / 1e6:.2f} MB; "
                f"again {again.seconds:.1f} s, {again.written} written"
            )
            case = f"{models:,} models, {models * LAYERS:,} layers"
            target = "< 300 s, index < 3 MB" if models == 2000 else "none"
            rows.append(Row("report", case, made.seconds, 0, 0, target, 1, note))
    return rows


def _generate(store: Store, models: int) -> None:
    measured = [_measured(number) for number in range(20)]
    for first in range(0, models, PER_COMMIT):
        batch = [_model(i, measured) for i in range(first, min(first + PER_COMMIT, models))]
        store.commit_models(batch, "bench")
    accuracies = [
        {
            **{"repo_id": f"lab/net-{i:04d}", "dataset": "imagenet-1k", "metric": "accuracy"},
            **{"value": 70 + 10 * np.sin(i), "source": "card"},
            "retrieved_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        for i in range(models)
    ]
    store.append("accuracies", pa.Table.from_pylist(accuracies, schema=ACCURACIES))


def _measured(number: int) -> tuple[dict[str, Any], Any]:
    """The row and the eigenvalues of a matrix of up to 512 columns with a heavy tail."""
    rng = np.random.default_rng(number)
    columns = int(rng.integers(64, 513))
    kernel = rng.standard_normal((2 * columns, columns)) * (1 + rng.pareto(3, columns))
    found = analyze_kernel(kernel, Method())
    assert found.evals is not None
    told = {"N": found.shape.n, "M": found.shape.m, "num_evals": len(found.evals)}
    kind = {"kind": "linear", "role": "mlp", "shape": list(kernel.shape), "status": found.status}
    return asdict(found.metrics) | told | kind | {"warning": found.warning}, found.evals


def _model(number: int, measured: list[tuple[dict[str, Any], Any]]) -> ModelRows:
    scale = float(np.exp(0.1 * np.sin(number)))
    scaled = ("lambda_max", "xmin", "xmax", "bulk_min", "bulk_max")
    logs = {"log_norm": 1, "log_spectral_norm": 1}
    layers, evals = [], []
    drawn = np.random.default_rng(number).integers(len(measured), size=LAYERS)
    for depth in range(LAYERS):
        row, values = measured[drawn[depth]]
        changed = {name: row[name] * scale for name in scaled if row[name] is not None}
        changed |= {name: row[name] + np.log10(scale) for name in logs}
        layers.append({**row, **changed, "layer": f"blocks.{depth}.weight", "depth": depth})
        evals.append(values * scale)
    elements = sum(row["N"] * row["M"] for row in layers)
    told = {"parameters": elements, "parameters_total": elements, "parameters_measured": elements}
    name = {"repo_id": f"lab/net-{number:04d}", "revision": f"{number:040x}", "library": "timm"}
    series = {"series": f"series-{number // SERIES:03d}", "coverage": 1.0}
    names = [row["layer"] for row in layers]
    spectra = pa.table({"layer": names, "eigenvalues": pa.array(evals, pa.list_(pa.float64()))})
    return ModelRows(name | series | told, "default", pa.Table.from_pylist(layers), spectra)
