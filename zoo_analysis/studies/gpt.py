"""The weights of GPT, which was poorly trained, against those of GPT-2 of the same shape."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.imports.weightwatcher import read_weightwatcher
from zoo_analysis.measure.rows import measure
from zoo_analysis.sources import resolve_sources
from zoo_analysis.spectra.methods import as_method
from zoo_analysis.store.schemas import LEADING_METRICS
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.poor_and_well import judged, share_of_pairs
from zoo_analysis.studies.study import Outcome, Setting
from zoo_analysis.weights import open_checkpoint, read_config
from zoo_analysis.weights.layers.listing import take_inventory

POOR: Final = "openai-gpt"
WELL: Final = "gpt2"
_OWNER: Final = "openai-community"
METHOD: Final = "nature2021"
#: α above which the paper takes a layer for badly trained.
_OUTLIER: Final = 6
_PAIRS: Final = "corresponding matrices of GPT and GPT-2"
_HIGHER: Final = "share of pairs where GPT is higher"
#: Of Table 2, means over layers: of GPT as the text repeats it, of gpt2-small as printed.
PUBLISHED: Final = {
    POOR: {"log_spectral_norm": 1.72, "alpha_weighted": 7.01},
    WELL: {"log_spectral_norm": 2.54, "alpha_weighted": 9.62},
}

#: A row a matrix of the network that has a fit, in the order of depth.
Matrices = Sequence[dict[str, Any]]


def scanned(name: str, access: HubAccess) -> Matrices:
    """The matrices of a model on the hub, measured by `METHOD`.

    Args:
        name: of the repository of openai-community.
        access: to the hub.

    Raises:
        SourceError: it cannot be had.
    """
    found = resolve_sources([f"hf://{_OWNER}/{name}"], access=access)
    if not found.refs:
        raise SourceError(found.problems[0].message)
    how = as_method(METHOD)
    with open_checkpoint(found.refs[0].path, access) as checkpoint:
        books = take_inventory(checkpoint, read_config(checkpoint), None, how.split_qkv)
        layers = measure(checkpoint, checkpoint.in_file_order(books.layers), how).layers
    return fitted(layers.to_pylist())


def imported(name: str, folder: Path) -> Matrices:
    """The matrices of a model from WeightWatcher's table of its layers.

    Args:
        name: of the file, but for its suffix.
        folder: where it is.

    Raises:
        SourceError: no such table.
    """
    paths = [path for kind in ("csv", "parquet") for path in folder.glob(f"{name}.{kind}")]
    if not paths:
        raise SourceError(
            f"{folder} has no {name}.csv or {name}.parquet; put WeightWatcher's details of "
            f"{POOR} and {WELL} there, or leave the folder out to scan both"
        )
    (model,) = read_weightwatcher(paths[0], "weightwatcher").models
    return fitted(model.layers.to_pylist())


def fitted(layers: Sequence[dict[str, Any]]) -> Matrices:
    """Rows of the matrices that count: no embeddings, no parts, and with a power law fitted."""
    return [
        row
        for row in sorted(layers, key=lambda row: row["depth"])
        if row["kind"] != "embedding" and not row.get("part_of") and row["alpha"] is not None
    ]


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances; `data` is a folder with WeightWatcher's tables of both models,
            which are scanned on the hub where it is None.

    Raises:
        SourceError: a model or table that cannot be had, or two that do not correspond.
    """
    if setting.data is None:
        access = default_access()
        asked = [(name, access) for name in (POOR, WELL)]
        poor, well = setting.spread("scanning", scanned, asked)
    else:
        poor, well = (imported(name, setting.data) for name in (POOR, WELL))
    shapes = [[(row["N"], row["M"]) for row in each] for each in (poor, well)]
    if shapes[0] != shapes[1]:
        raise SourceError(
            f"the {len(poor)} matrices of {POOR} and the {len(well)} of {WELL} do not correspond, "
            "one by one and shape by shape: take the models of one size"
        )
    rows = [row for name, each in ((POOR, poor), (WELL, well)) for row in _means(name, each)]
    shares = [
        share_of_pairs(_PAIRS, metric, _HIGHER, _values(poor, metric) - _values(well, metric))
        for metric in LEADING_METRICS
    ]
    verdict, seen = judged(shares, _PAIRS, "GPT")
    return outcome([*rows, *shares], seen, verdict)


def _values(matrices: Matrices, metric: str) -> Any:
    return np.array([row.get(metric) for row in matrices], dtype=float)


def _means(name: str, matrices: Matrices) -> list[Estimate]:
    """Means over matrices, the largest α and the share of outliers, and what was published."""
    from scipy.stats import binomtest

    n, alpha = len(matrices), _values(matrices, "alpha")
    outliers = binomtest(int((alpha > _OUTLIER).sum()), n)
    low, high = outliers.proportion_ci(method="exact")
    rows = [
        Estimate(name, "mean", metric, n, float(np.nanmean(_values(matrices, metric))))
        for metric in LEADING_METRICS
        if np.isfinite(_values(matrices, metric)).any()
    ]
    rows += [Estimate(name, "mean, published", m, n, v) for m, v in PUBLISHED[name].items()]
    return [
        *rows,
        Estimate(name, "largest", "alpha", n, float(alpha.max())),
        Estimate(name, f"share above {_OUTLIER}", "alpha", n, outliers.statistic, low, high),
    ]
