"""A store of ten million layers: compaction, then a leaderboard, a depth profile, one model.

Beside pandas reading the same Parquet files. The rows are generated, with every column that the
default method fills; spectra are left out, for no question here reads them.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.bench.timing import Row, paired_medians
from zoo_analysis.store import Store, open_store, tables, upkeep
from zoo_analysis.store.schemas import COMMITS, LAYERS, METRICS, MODELS

ROWS = int(os.environ.get("ZOO_BENCH_LAYERS", "10_000_000"))
PER_MODEL, PER_COMMIT = 200, 250_000
_UNFILLED = ("num_fingers", "raw_alpha", "num_rand_spikes", "num_traps", "xmax")
_FILLED = [
    name for name in METRICS.names if name not in _UNFILLED and not name.startswith(("R_", "p_"))
]
_SERIES = [f"series-{i:02d}" for i in range(50)]


def run(runs: int) -> list[Row]:
    """Generate, compact, ask."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store")
        begun = time.perf_counter()
        names = _generate(store)
        written = time.perf_counter() - begun
        begun = time.perf_counter()
        done = next(part for part in upkeep.compact(store.location) if part.table == "layers")
        compacted = time.perf_counter() - begun
        note = f"{done.files_before} files → {done.files_after}; generated in {written:.0f} s"
        rows = [Row("store", f"compact {ROWS:,} layers", compacted, 0, 0, "none", 1, note)]
        return rows + _ask(store, names, runs)


def _ask(store: Store, names: list[str], runs: int) -> list[Row]:
    files = {
        name: tables.local_files(table)
        for name in ("layers", "models")
        if (table := tables.load(store.location, name)) is not None
    }
    someone = names[len(names) // 3]
    cases = {
        "leaderboard": (
            lambda: store.run("leaderboard", {"metric": "alpha_weighted", "series": _SERIES[7]}),
            lambda: _leaderboard(files),
            2.0,
        ),
        "depth profile": (
            lambda: store.run("depth-profile"),
            lambda: _depth_profile(files),
            2.0,
        ),
        "one model": (
            lambda: store.run("SELECT * FROM layers WHERE repo_id = $r", {"r": someone}),
            lambda: pd.read_parquet(files["layers"], filters=[("repo_id", "==", someone)]),
            0.2,
        ),
    }
    rows = [_first(store, someone)]
    for case, (ours, pandas, seconds) in cases.items():
        mine, theirs = paired_medians(ours, pandas, runs)
        rows.append(Row("store", case, mine, theirs, mine / theirs, f"< {seconds} s", runs))
    return rows


def _first(store: Store, someone: str) -> Row:
    """The same lookup as the first question of a process, when nothing is open yet."""
    code = (
        "import time; from zoo_analysis.store import open_store; import duckdb, pyarrow, deltalake;"
        f"s = open_store({store.uri!r}); t = time.perf_counter();"
        f"s.run('SELECT * FROM layers WHERE repo_id = $r', {{'r': {someone!r}}});"
        "print(time.perf_counter() - t)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return Row("store", "one model, first question", float(told.stdout), 0, 0, "none", 1)


def _leaderboard(files: dict[str, list[str]]) -> pd.DataFrame:
    columns = ["commit_id", "alpha", "alpha_weighted", "status", "kind", "part_of"]
    means = _averaged(pd.read_parquet(files["layers"], columns=columns))
    models = pd.read_parquet(files["models"], columns=["commit_id", "repo_id", "series"])
    models = models[models["series"] == _SERIES[7]]
    by_model = means.groupby("commit_id")["alpha_weighted"].mean()
    return models.join(by_model, on="commit_id").nsmallest(20, "alpha_weighted")


def _depth_profile(files: dict[str, list[str]]) -> pd.DataFrame:
    columns = ["commit_id", "depth", "alpha", "log_spectral_norm", "status", "kind", "part_of"]
    layers = pd.read_parquet(files["layers"], columns=columns)
    last = layers.groupby("commit_id")["depth"].max().rename("last")
    layers = _averaged(layers).join(last, on="commit_id")
    models = pd.read_parquet(files["models"], columns=["commit_id", "series"])
    layers = layers.merge(models, on="commit_id")
    layers["bin"] = np.minimum(np.floor(10 * layers["depth"] / layers["last"].clip(lower=1)), 9)
    return layers.groupby(["series", "bin"]).agg(
        alpha=("alpha", "mean"),
        median=("alpha", "median"),
        norm=("log_spectral_norm", "mean"),
        models=("commit_id", "nunique"),
    )


def _averaged(layers: pd.DataFrame) -> pd.DataFrame:
    kept = (layers["status"] == "success") & (layers["kind"] != "embedding")
    return layers[kept & layers["alpha"].notna() & layers["part_of"].isna()]


def _generate(store: Store) -> list[str]:
    """Commit models in no particular order of their names, as a zoo is scanned; their names."""
    generator = np.random.default_rng(0)
    count = ROWS // PER_MODEL
    names = [f"lab-{i % 997:03d}/model-{i:06d}" for i in generator.permutation(count)]
    step = PER_COMMIT // PER_MODEL
    for start in range(0, count, step):
        batch = names[start : start + step]
        ids = np.arange(start, start + len(batch), dtype=np.int64)
        key = {"repo_id": batch, "revision": ["r1"] * len(batch)}
        tables.append(store.location, "layers", _layers(batch, ids, generator))
        series = [_SERIES[i % 50] for i in ids]
        depth = np.full(len(batch), PER_MODEL - 1)
        models = {**key, "series": series, "depth": depth, "commit_id": ids}
        tables.append(store.location, "models", _typed(models, MODELS))
        now = [datetime.now(UTC)] * len(batch)
        commits = {**key, "method": ["default"] * len(batch), "commit_id": ids}
        tables.append(store.location, "commits", _typed({**commits, "committed_at": now}, COMMITS))
    return names


def _layers(batch: list[str], ids: np.ndarray, generator: np.random.Generator) -> pa.Table:
    size = len(batch) * PER_MODEL
    model = np.repeat(np.arange(len(batch)), PER_MODEL)
    depth = np.tile(np.arange(PER_MODEL), len(batch))
    names = pa.array([f"blocks.{i // 4}.part{i % 4}" for i in range(PER_MODEL)])
    kinds = pa.array(["embedding" if i == 0 else "linear" for i in range(PER_MODEL)])
    columns = {
        "repo_id": pa.array(batch).take(pa.array(model)),
        "revision": pa.repeat("r1", size),
        "method": pa.repeat("default", size),
        "layer": names.take(pa.array(depth)),
        "depth": depth.astype(np.int32),
        "kind": kinds.take(pa.array(depth)),
        "N": np.full(size, 3072),
        "M": np.full(size, 768),
        "Q": np.full(size, 4.0),
        "rf": np.ones(size, dtype=np.int64),
        "num_evals": np.full(size, 768),
        **{name: generator.normal(4, 1, size) for name in _FILLED},
        "status": pa.repeat("success", size),
        "commit_id": ids[model],
    }
    return _typed(columns, LAYERS)


def _typed(columns: dict[str, object], schema: pa.Schema) -> pa.Table:
    chosen = pa.schema([field for field in schema if field.name in columns])
    return pa.table({name: columns[name] for name in chosen.names}, schema=chosen)
