"""Two models side by side: layer by layer where they correspond, and metric by metric."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from zoo_analysis.answers.comparison.correspondence import LayerName, correspond
from zoo_analysis.answers.model import ModelReport, show
from zoo_analysis.answers.names import find_model
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.schemas import LEADING_METRICS

#: Shown of each layer, beside its shape.
_OF_LAYERS = ("alpha", "log_spectral_norm", "log_norm", "stable_rank")
_LAYERS = pa.schema(
    [
        ("layer_a", pa.string()),
        ("layer_b", pa.string()),
        ("kind", pa.string()),
        ("shape_a", pa.list_(pa.int64())),
        ("shape_b", pa.list_(pa.int64())),
        *((f"{m}_{side}", pa.float64()) for m in _OF_LAYERS for side in ("a", "b")),
        ("differs", pa.string()),
    ]
)
# Parts of a fused layer and embeddings have partners too, but are not counted.
_OF_MODEL = """
SELECT *, layer IN (
    SELECT layer FROM network_layers
    WHERE repo_id = $repo_id AND revision = $revision AND method = $method
) AS counted
FROM layers WHERE repo_id = $repo_id AND revision = $revision AND method = $method
    AND role IS DISTINCT FROM 'slice'
ORDER BY depth, layer
"""


@dataclass(frozen=True)
class MetricComparison:
    """Two models by one metric; lower is better.

    Attributes:
        metric: its name.
        a, b: the models' averages.
        difference: b − a.
        better: repo_id of the model with the lower average; null where they are equal, where one of
            them looks random, and where they are not of one series.
        layers: corresponding layers of the networks that both have the metric.
        layers_a_lower, layers_b_lower: in how many of them a, or b, has the lower value.
        wilcoxon_p: of Wilcoxon's signed-rank test over them.
    """

    metric: str
    a: float
    b: float
    difference: float
    better: str | None
    layers: int
    layers_a_lower: int
    layers_b_lower: int
    wilcoxon_p: float


@dataclass(frozen=True)
class ModelComparison:
    """Two models under one method.

    Attributes:
        a, b: the models.
        layers: a row a pair of corresponding layers, or a layer without partner.
        metrics: a row a metric that both have: columns of `MetricComparison`.
    """

    a: ModelReport
    b: ModelReport
    layers: pa.Table
    metrics: pa.Table

    @property
    def random(self) -> tuple[str, ...]:
        """Those of the two that look random: no metric calls them better or worse."""
        return tuple(each.repo_id for each in (self.a, self.b) if each.averages["looks_random"])

    @property
    def of_one_series(self) -> bool:
        """True of models of one series, or without one of one architecture."""
        one, other = _families(self.a, self.b)
        return one is not None and one == other

    @property
    def paired(self) -> int:
        """The number of layers that correspond."""
        sides = (self.layers[f"layer_{side}"].to_pylist() for side in ("a", "b"))
        return sum(a is not None and b is not None for a, b in zip(*sides, strict=True))

    @property
    def caveats(self) -> tuple[str, ...]:
        """The reasons why a lower value may not mean a better model, in sentences."""
        told = []
        if not self.of_one_series:
            names = " and ".join(each or "unknown" for each in _families(self.a, self.b))
            told.append(
                f"not of one series ({names}): which value is lower says nothing of which model is "
                "better"
            )
        if self.random:
            looks = "look" if len(self.random) > 1 else "looks"
            told.append(
                f"{' and '.join(self.random)} {looks} random: no metric tells which model is better"
            )
        return tuple(told)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        sides = {
            side: {
                "repo_id": report.repo_id,
                "revision": report.revision,
                "random_like": report.averages["random_like"],
                "looks_random": report.averages["looks_random"],
                "accuracies": report.accuracies.to_pylist(),
            }
            for side, report in (("a", self.a), ("b", self.b))
        }
        return {
            "method": self.a.method,
            **sides,
            "caveats": list(self.caveats),
            "metrics": self.metrics.to_pylist(),
            "layers": self.layers.to_pylist(),
        }


def compare(
    store: Store | str | Path | None, a: str, b: str, method: str | None = None
) -> ModelComparison:
    """Two models side by side: layer by layer where they correspond, and metric by metric.

    Args:
        store: a store, or what `open_store` takes.
        a: repository id, or a unique part of one; ``@`` and a revision may follow.
        b: likewise.
        method: the beginning of a method's id; None is the last that both were measured by, of
            layers' weights where there is one.

    Raises:
        QueryError: no such model, or no method that both were measured by.
        StoreError: there is no store.
    """
    store = as_store(store)
    (name_a, revision_a), (name_b, revision_b) = _split(store, a), _split(store, b)
    common = store.run(
        "SELECT a.method FROM commits a JOIN commits b USING (method) "
        "WHERE a.repo_id = $a AND b.repo_id = $b AND starts_with(a.method, $method) "
        "AND starts_with(a.revision, $ra) AND starts_with(b.revision, $rb) "
        "ORDER BY raw.derived(a.method), least(a.committed_at, b.committed_at) DESC LIMIT 1",
        {"a": name_a, "b": name_b, "method": method or "", "ra": revision_a, "rb": revision_b},
    )["method"].to_pylist()
    if not common:
        raise QueryError(
            f"{name_a} and {name_b} were not measured by one method"
            f"{f' {method}' if method else ''}: scan both the same way"
        )
    left = show(store, name_a, revision_a, common[0])
    right = show(store, name_b, revision_b, common[0])
    rows_a, rows_b = (store.run(_OF_MODEL, side.key).to_pylist() for side in (left, right))
    pairs = [
        (rows_a[i] if i is not None else None, rows_b[j] if j is not None else None)
        for i, j in correspond(_names(rows_a), _names(rows_b))
    ]
    both = [(x, y) for x, y in pairs if x and y and x["counted"] and y["counted"]]
    metrics = [_by_metric(name, left, right, both) for name in LEADING_METRICS]
    return ModelComparison(
        left,
        right,
        pa.Table.from_pylist([_layer_row(x, y) for x, y in pairs], schema=_LAYERS),
        table_of(MetricComparison, [row for row in metrics if row is not None]),
    )


def _families(a: ModelReport, b: ModelReport) -> tuple[str | None, str | None]:
    """The models' series, or their architectures where one has no series."""
    what = "series" if a.model["series"] and b.model["series"] else "architecture"
    return a.model[what], b.model[what]


def _split(store: Store, model: str) -> tuple[str, str]:
    name, _, revision = model.partition("@")
    return find_model(store, name), revision


def _names(rows: list[dict[str, Any]]) -> list[LayerName]:
    return [LayerName(row["layer"], row["kind"], row["role"]) for row in rows]


def _layer_row(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> dict[str, Any]:
    one = a or b or {}
    row: dict[str, Any] = {"kind": one.get("kind"), "differs": _differs(a, b)}
    for side, layer in (("a", a), ("b", b)):
        values = layer or {}
        row |= {f"layer_{side}": values.get("layer"), f"shape_{side}": values.get("shape")}
        row |= {f"{metric}_{side}": values.get(metric) for metric in _OF_LAYERS}
    return row


def _differs(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> str | None:
    """Differences of two layers other than in numbers, in words."""
    if a is None or b is None:
        return f"only in {'a' if b is None else 'b'}"
    told = {
        what: (a[what] or "none", b[what] or "none")
        for what in ("kind", "shape", "status", "warning")
        if a[what] != b[what]
    }
    return (
        "; ".join(what if what == "shape" else f"{what} {x} → {y}" for what, (x, y) in told.items())
        or None
    )


def _by_metric(
    metric: str,
    a: ModelReport,
    b: ModelReport,
    pairs: list[tuple[dict[str, Any], dict[str, Any]]],
) -> MetricComparison | None:
    from scipy.stats import wilcoxon

    x, y = a.averages[metric], b.averages[metric]
    if x is None or y is None:
        return None
    by_layer = [(p[metric], q[metric]) for p, q in pairs]
    gaps = np.array([v - u for u, v in by_layer if u is not None and v is not None], dtype=float)
    random = a.averages["looks_random"] or b.averages["looks_random"]
    one, other = _families(a, b)
    untold = x == y or random or one is None or one != other
    tested = len(gaps) > 1 and bool(np.any(gaps))
    return MetricComparison(
        metric=metric,
        a=x,
        b=y,
        difference=y - x,
        better=None if untold else a.repo_id if x < y else b.repo_id,
        layers=len(gaps),
        layers_a_lower=int(np.sum(gaps > 0)),
        layers_b_lower=int(np.sum(gaps < 0)),
        wilcoxon_p=float(wilcoxon(gaps).pvalue) if tested else math.nan,
    )
