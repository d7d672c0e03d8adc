"""Models whose rows can be checked by hand."""

from collections.abc import Sequence

import pyarrow as pa

from zoo_analysis.store import ModelRows


def model_rows(
    repo_id: str = "lab/net",
    revision: str = "r1",
    method: str = "default",
    alphas: Sequence[float] = (2.0, 4.0),
    **model: object,
) -> ModelRows:
    """A model whose i-th layer has the given alpha and the spectrum [alpha, alpha + 1]."""
    names = [f"layer{i}" for i in range(len(alphas))]
    layers = pa.table(
        {
            "layer": pa.array(names, pa.string()),
            "depth": pa.array(range(len(alphas)), pa.int32()),
            "kind": pa.array(["linear"] * len(alphas), pa.string()),
            "shape": pa.array([[8, 4]] * len(alphas), pa.list_(pa.int64())),
            "status": pa.array(["success"] * len(alphas), pa.string()),
            "alpha": pa.array(alphas, pa.float64()),
        }
    )
    spectra = pa.array([[a, a + 1] for a in alphas], pa.list_(pa.float64()))
    esds = pa.table({"layer": layers["layer"], "eigenvalues": spectra})
    return ModelRows({"repo_id": repo_id, "revision": revision, **model}, method, layers, esds)
