"""The metric of docs/extending.md, added in its one place: everything that shows metrics has it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from zoo_analysis.measure.analyze import analyze
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import ESD_ROWS

ROOT = Path(__file__).parents[1]
ASKED = """
import json, sys
from tests.test_extending_metric import commit
from zoo_analysis.answers import model, ranking, regressions
from zoo_analysis.answers.comparison import two_models
from zoo_analysis.spectra.metrics import markdown_table
from zoo_analysis.store import open_store

store = open_store(sys.argv[1])
before = store.run("SELECT median_over_mean FROM summaries").to_pylist()
for seed in range(1, 6):
    commit(store, seed)
metric = "median_over_mean"
(line,) = regressions.regress(store, [metric], by="none").to_pylist()
print(json.dumps({
    "before": before,
    "layers": store.run("SELECT repo_id, layer, median_over_mean FROM layers").to_pylist(),
    "summaries": store.run(
        "SELECT repo_id, value FROM metric_values WHERE metric = $m ORDER BY repo_id", {"m": metric}
    ).to_pylist(),
    "regress": line,
    "ranked": [
        row["repo_id"] for row in ranking.rank(store, [metric]).to_pylist() if row["rank"]
    ],
    "compared": two_models.compare(store, "net-1", "net-2").metrics["metric"].to_pylist(),
    "shown": model.show(store, "net-1").layers.column_names,
    "table": markdown_table(),
}))
"""


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.Linear(30, 20))


def commit(store: Store, seed: int) -> None:
    name = f"lab/net-{seed}"
    model = {"repo_id": name, "revision": "r"}
    rows = ModelRows(model, "default", analyze(network(seed)), ESD_ROWS.empty_table())
    store.commit_models([rows], "scan")
    told = {"repo_id": name, "dataset": "d", "metric": "accuracy", "value": 60.0 + seed**2}
    store.append("accuracies", pa.Table.from_pylist([told | {"source": "card"}]))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the example's lines in its one file."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("zoo_analysis", "queries", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    section = page.partition("## A spectral metric")[2].partition("\n## ")[0]
    function, declared = (part.partition("```")[0] for part in section.split("```python\n")[1:])
    file = folder / "zoo_analysis" / "spectra" / "metrics.py"
    _, _, declared = declared.partition("    ...\n")
    above, head, below = file.read_text("utf-8").partition("@dataclass(frozen=True)\nclass LayerM")
    fields, end, rest = below.partition("\n\n#: Every metric's declaration")
    file.write_text(f"{above}{function}\n\n{head}{fields}{declared}{end}{rest}", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that knew nothing of the metric when its first model was committed."""
    store = open_store(tmp_path_factory.mktemp("grown") / "store")
    commit(store, 0)
    return store


@pytest.fixture(scope="module")
def answers(extended: Path, store: Store) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-c", ASKED, store.uri],
        env={**os.environ, "PYTHONPATH": str(extended)},
        cwd=extended,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def median_share(weight: torch.Tensor) -> float:
    evals = torch.linalg.svdvals(weight.double()).numpy() ** 2
    return float(np.median(evals) / evals.mean())


def test_it_is_measured_and_averaged(answers: dict[str, Any]) -> None:
    ratios = {}
    for seed in range(1, 6):
        layers = [p for p in network(seed).parameters() if p.ndim == 2]
        ratios[f"lab/net-{seed}"] = [median_share(weight.detach()) for weight in layers]
    for row in answers["layers"]:
        expected = ratios.get(row["repo_id"], [None, None])[int(row["layer"])]
        assert row["median_over_mean"] == pytest.approx(expected)
    assert {row["repo_id"]: row["value"] for row in answers["summaries"]} == pytest.approx(
        {name: sum(values) / len(values) for name, values in ratios.items()}
    )


def test_it_is_regressed_ranked_compared_shown_and_documented(answers: dict[str, Any]) -> None:
    assert (answers["regress"]["metric"], answers["regress"]["n"]) == ("median_over_mean", 5)
    averages = {row["repo_id"]: row["value"] for row in answers["summaries"]}
    assert answers["ranked"] == sorted(averages, key=averages.__getitem__)
    assert answers["compared"][-1] == "median_over_mean"
    assert answers["shown"][-3:] == ["median_over_mean", "status", "warning"]
    assert "| `median_over_mean` | median of λ / mean of λ | yes |" in answers["table"]


def test_a_store_that_was_written_without_it_is_read_by_both(
    answers: dict[str, Any], store: Store
) -> None:
    assert answers["before"] == [{"median_over_mean": None}]
    commit(store, 9)  # by a package that does not know the metric
    rows = store.run("SELECT repo_id, alpha FROM summaries ORDER BY repo_id").to_pylist()
    assert [row["repo_id"] for row in rows] == [f"lab/net-{i}" for i in (0, 1, 2, 3, 4, 5, 9)]
    assert all(row["alpha"] for row in rows)
