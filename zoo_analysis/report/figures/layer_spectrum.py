"""The spectrum of one layer as the store has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.answers.model import ModelReport, show
from zoo_analysis.answers.names import the_one
from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures.theme import counted, number
from zoo_analysis.store import Store, as_store

_LAYER = """
SELECT l.*, e.eigenvalues
FROM layers l LEFT JOIN esds e USING (repo_id, revision, method, layer)
WHERE repo_id = $repo_id AND revision = $revision AND method = $method AND layer = $layer
"""


@dataclass(frozen=True)
class LayerSpectrum:
    """Eigenvalues and metrics of a layer.

    Attributes:
        model: that it is of.
        row: its columns in `layers`.
        evals: (n,) eigenvalues, ascending, as stored.
        counted: (r,) those of them that make the rank, or all positive ones where it is not told.
    """

    model: ModelReport
    row: Mapping[str, Any]
    evals: NDArray[np.float64]
    counted: NDArray[np.float64]

    @property
    def title(self) -> str:
        """Model and layer."""
        return f"{self.model.repo_id} · {self.row['layer']}"

    def caption(self) -> list[str]:
        """The layer's shape, what its fit says, and what of it is not drawn, in sentences."""
        row, n = self.row, len(self.evals)
        evals = counted(n, "eigenvalue")
        told = [f"{row['kind'] or 'layer'} as {row['N']} × {row['M']}, {evals} of WᵀW."]
        if row["alpha"] is None:
            told.append(f"No power law is fitted ({row['status']}).")
        else:
            told.append(
                f"α {number(row['alpha'])}, σ_α {number(row['sigma'], 2)}, "
                f"D {number(row['D'], 2)}, n {number(row['num_pl_spikes'], 6)} from "
                f"xmin {number(row['xmin'])}."
            )
        if row["warning"]:
            told.append(f"Warned of: {row['warning']}.")
        if row["random_like"]:
            told.append("The spectrum is that of a random initialisation.")
        if gone := n - len(self.counted):
            told.append(f"{gone:,} that are zero up to rounding are not drawn.")
        return [*told, f"Method {row['method']}."]


def layer_spectrum(
    store: Store | str | Path | None,
    model: str,
    layer: str,
    revision: str | None = None,
    method: str | None = None,
) -> LayerSpectrum:
    """The spectrum of a layer.

    Args:
        store: a store, or what `open_store` takes.
        model: its repository id, or a unique part of one.
        layer: its name, or a unique part of one.
        revision, method: the beginning of one; None is what was committed last.

    Raises:
        QueryError: no such model or layer, several, or one without eigenvalues.
        StoreError: there is no store.
    """
    store = as_store(store)
    report = show(store, model, revision, method)
    name = the_one(layer, report.layers["layer"].to_pylist(), "layer")
    (row,) = store.run(_LAYER, {**report.key, "layer": name}).to_pylist()
    values = row.pop("eigenvalues")
    if not values:
        raise QueryError(
            f"the store has no eigenvalues of {name} in {report.repo_id}: {row['status']}"
        )
    return spectrum_of(report, row, values)


def spectrum_of(
    model: ModelReport, row: Mapping[str, Any], values: Sequence[float]
) -> LayerSpectrum:
    """A spectrum from a layer's row of `layers` and its eigenvalues, ascending."""
    evals = np.asarray(values, dtype=float)
    rank, loss = row["matrix_rank"], row["rank_loss"]
    # Of averaged slices the rank is a mean, which counts nothing here.
    ranked = rank is not None and rank + loss == len(evals) and rank == int(rank)
    counted = evals[len(evals) - int(rank) :] if ranked else evals
    return LayerSpectrum(model, row, evals, counted[counted > 0])
