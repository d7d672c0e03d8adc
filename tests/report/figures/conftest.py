"""A store of layers whose spectra are known, measured by the package itself."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from zoo_analysis.spectra import Method, analyze_kernel
from zoo_analysis.store import ModelRows, Store, open_store


def measured(name: str, kernel: torch.Tensor, depth: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of a layer in `layers` and `esds`."""
    found = analyze_kernel(kernel, Method(randomize=True))
    assert found.evals is not None
    row = asdict(found.metrics) | {
        "layer": name,
        "depth": depth,
        "kind": "linear",
        "role": "mlp",
        "shape": list(kernel.shape),
        "N": found.shape.n,
        "M": found.shape.m,
        "num_evals": len(found.evals),
        "status": found.status,
        "warning": found.warning,
    }
    return row, {"layer": name, "eigenvalues": found.evals}


def commit(store: Store, repo_id: str, layers: list[dict[str, Any]], esds: list[Any]) -> None:
    """A model of these rows."""
    spectra = pa.table(
        {
            "layer": [each["layer"] for each in esds],
            "eigenvalues": pa.array([each["eigenvalues"] for each in esds], pa.list_(pa.float64())),
        }
    )
    model = {"repo_id": repo_id, "revision": "r", "series": "nets"}
    rows = ModelRows(model, "default", pa.Table.from_pylist(layers), spectra)
    store.commit_models([rows], "scan")


def heavy_tailed(n: int, m: int, seed: int) -> torch.Tensor:
    """A Gaussian matrix with a power law of singular values added."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, m, generator=generator)
    u, _ = torch.linalg.qr(torch.randn(n, m, generator=generator))
    v, _ = torch.linalg.qr(torch.randn(m, m, generator=generator))
    tail = 40 * torch.arange(1, m + 1) ** -0.6
    return noise + u * tail @ v.T


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two models of four layers: heavy tails, pure noise, and one that has lost rank."""
    store = open_store(tmp_path_factory.mktemp("figures") / "store")
    for number in range(2):
        kernels = {
            "first": heavy_tailed(240, 120, number),
            "noise": torch.randn(300, 150, generator=torch.Generator().manual_seed(number)),
            "low": heavy_tailed(200, 100, number) @ torch.diag(torch.arange(100) >= 30).float(),
            "last": heavy_tailed(160, 80, 7 + number),
        }
        rows = [measured(name, kernel, i) for i, (name, kernel) in enumerate(kernels.items())]
        commit(store, f"lab/net-{number}", [row for row, _ in rows], [esd for _, esd in rows])
    return store


def embedded(chart: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows that a chart carries, by the datum's ``what`` where it has one."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rows in chart.to_dict()["datasets"].values():
        for row in rows:
            found.setdefault(str(row.get("what", "")), []).append(row)
    return found


def stored(store: Store, repo_id: str, layer: str) -> dict[str, Any]:
    """The row of a layer, and its eigenvalues."""
    (row,) = store.run(
        "FROM layers JOIN esds USING (repo_id, revision, method, layer) "
        "SELECT * WHERE repo_id = $repo_id AND layer = $layer",
        {"repo_id": repo_id, "layer": layer},
    ).to_pylist()
    return row | {"eigenvalues": np.array(row["eigenvalues"])}


def datasets(chart: Any) -> list[list[dict[str, Any]]]:
    """The tables that a chart carries, as JSON has them."""
    spec = json.loads(json.dumps(chart.to_dict(), allow_nan=False))
    return list(spec["datasets"].values())
