"""The published diagnoses of one model, each in words and numbers.

Correlation Flow and Scale Collapse: Martin, Peng & Mahoney 2021. Over- and under-trained layers,
rank collapse and correlation traps: WeightWatcher. The thresholds are in docs/statistics.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from zoo_analysis.answers.model import ModelReport, show
from zoo_analysis.answers.standing import standing
from zoo_analysis.stats import robust_z, trend
from zoo_analysis.store import Store, as_store

if TYPE_CHECKING:
    import pandas as pd

#: |robust z| of an outlier (Iglewicz & Hoaglin 1993).
OUTLIER: Final = 3.5
#: Scatter of α about its trend from which the flow is erratic: a quarter of the band from 2 to 6.
ERRATIC: Final = 1.0
#: Level of the test for a trend.
TREND: Final = 0.05
#: Share of a matrix's rank that is missing where it has collapsed.
COLLAPSED: Final = 0.1
_NAMED = 6


@dataclass(frozen=True)
class Finding:
    """One diagnosis.

    Attributes:
        diagnosis: its name.
        verdict: one or two words.
        text: the same in a sentence, with the numbers that matter.
        numbers: all of them.
        layers: concerned, in the order of depth.
    """

    diagnosis: str
    verdict: str
    text: str
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """All findings on one model under one method."""

    model: ModelReport
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **self.model.key,
            "series": self.model.averages.get("series"),
            "findings": [asdict(finding) for finding in self.findings],
        }


def diagnose(
    store: Store | str | Path | None,
    model: str,
    revision: str | None = None,
    method: str | None = None,
) -> Diagnosis:
    """The published diagnoses of one model (docs/statistics.md), in words and numbers.

    Args:
        store: a store, or what `open_store` takes.
        model: its repository id, or a unique part of one.
        revision: the beginning of one; None is the one committed last.
        method: the beginning of a method's id; None is the one committed last.

    Raises:
        QueryError: no such model, or several.
        StoreError: there is no store.
    """
    store = as_store(store)
    report = show(store, model, revision, method)
    layers = store.run(
        "SELECT * FROM network_layers WHERE repo_id = $repo_id AND revision = $revision "
        "AND method = $method ORDER BY depth, layer",
        report.key,
    ).to_pandas()
    checks: tuple[Callable[[pd.DataFrame], Finding], ...] = (
        correlation_flow,
        scale_collapse,
        training,
        rank_collapse,
        traps,
    )
    if len(layers):
        findings = [check(layers) for check in checks]
    else:
        nothing = "averages only: the store has no layers of this model"
        findings = [Finding("layers", "not told", nothing)]
    return Diagnosis(report, (*findings, _among_series(store, report)))


def correlation_flow(layers: "pd.DataFrame") -> Finding:
    """α over depth: its level, its trend, and how much it scatters about the trend."""
    name = "correlation flow"
    alpha = layers["alpha"].mask(_warned(layers, "degenerate-tail"))
    found = trend(layers["depth"] / max(layers["depth"].max(), 1), alpha)
    if not np.isfinite(found.scatter):
        return Finding(name, "not told", f"{found.n} layers with α: three depths make a flow")
    steady = "erratic" if found.scatter > ERRATIC else "stable"
    if found.p >= TREND:
        slope = f"no trend over depth (p {found.p:.2g})"
    else:
        way = "rises" if found.slope > 0 else "falls"
        slope = f"α {way} over depth by {abs(found.slope):.2f} (p {found.p:.2g})"
    text = f"median α {found.median:.2f}, {slope}, scatter {found.scatter:.2f} about it: {steady}"
    return Finding(name, steady, text, asdict(found))


def scale_collapse(layers: "pd.DataFrame") -> Finding:
    """Layers whose spectral norm is far from the rest of the model's."""
    name, norms = "scale collapse", layers["log_spectral_norm"].to_numpy(dtype=float)
    n = int(np.isfinite(norms).sum())
    if n < 4:
        return Finding(name, "not told", f"{n} layers with a norm: too few for an outlier")
    z = robust_z(norms)
    small, large = z < -OUTLIER, z > OUTLIER
    numbers = {
        "median_log_spectral_norm": float(np.nanmedian(norms)),
        "small": int(small.sum()),
        "large": int(large.sum()),
        "lowest_z": float(np.nanmin(z)),
        "highest_z": float(np.nanmax(z)),
    }
    odd = layers["layer"][small | large].tolist()
    if not odd:
        extremes = f"{numbers['lowest_z']:+.1f} to {numbers['highest_z']:+.1f}"
        text = f"no spectral norm is out of line (robust z {extremes})"
        return Finding(name, "none", text, numbers)
    listed = _listed(
        [f"{layer} (z {far:+.1f})" for layer, far in zip(odd, z[small | large], strict=True)]
    )
    verdict = "collapsed" if small.any() else "large norms"
    text = (
        f"{numbers['small']} layers with anomalously small and {numbers['large']} with large "
        f"spectral norm: {listed}"
    )
    return Finding(name, verdict, text, numbers, tuple(odd))


def training(layers: "pd.DataFrame") -> Finding:
    """Layers that α calls over- or under-trained, and tails that are short for an α."""
    degenerate = _warned(layers, "degenerate-tail")
    fitted = int((layers["alpha"].notna() & ~degenerate).sum())
    over = layers.loc[_warned(layers, "over-trained"), "layer"].tolist()
    under = layers.loc[_warned(layers, "under-trained"), "layer"].tolist()
    numbers = {
        "fitted": fitted,
        "over_trained": len(over),
        "under_trained": len(under),
        "short_tails": int(_warned(layers, "short-tail").sum()),
        "degenerate_tails": int(degenerate.sum()),
    }
    parts = [
        f"{len(names)} {what}: {_listed(names)}"
        for what, names in (("over-trained (α < 2)", over), ("under-trained (α > 6)", under))
        if names
    ]
    parts = parts or [f"all {fitted} fitted layers have α between 2 and 6"]
    for what in ("short", "degenerate"):
        if count := numbers[f"{what}_tails"]:
            parts.append(f"{count} with a {what} tail" + " (not counted)" * (what == "degenerate"))
    text = "; ".join(parts)
    verdict = "over-trained" if len(over) > len(under) else "under-trained" if under else "well"
    return Finding("training", verdict, text, numbers, (*over, *under))


def rank_collapse(layers: "pd.DataFrame") -> Finding:
    """Layers that lost a share of the rank that their shape allows."""
    name = "rank collapse"
    told = layers[layers["rank_loss"].notna() & layers["num_evals"].notna()]
    if not len(told):
        return Finding(name, "not told", "no layer's rank is known")
    lost = told["rank_loss"] / told["num_evals"]
    collapsed = lost > COLLAPSED
    numbers = {
        "layers": len(told),
        "deficient": int((lost > 0).sum()),
        "collapsed": int(collapsed.sum()),
        "largest_share_lost": float(lost.max()),
    }
    names = told.loc[collapsed, "layer"].tolist()
    if not names:
        text = f"no layer lost more than {COLLAPSED:.0%} of its rank (most {lost.max():.1%})"
        return Finding(name, "none", text, numbers)
    listed = _listed(
        [f"{layer} ({share:.0%} lost)" for layer, share in zip(names, lost[collapsed], strict=True)]
    )
    return Finding(name, "collapsed", f"{len(names)} layers: {listed}", numbers, tuple(names))


def traps(layers: "pd.DataFrame") -> Finding:
    """Correlation traps: eigenvalues that stay large when a layer's entries are shuffled."""
    name = "correlation traps"
    told = layers[layers["num_traps"].notna()]
    if not len(told):
        return Finding(name, "not told", "not measured: scan with --randomize")
    trapped = told[told["num_traps"] > 0]
    numbers = {"layers": len(told), "trapped": len(trapped), "traps": int(told["num_traps"].sum())}
    names = trapped["layer"].tolist()
    if not names:
        return Finding(name, "none", f"none in {len(told)} layers", numbers)
    return Finding(name, "trapped", f"{len(names)} layers: {_listed(names)}", numbers, tuple(names))


def _warned(layers: "pd.DataFrame", warning: str) -> "pd.Series[bool]":
    told = layers["warning"].fillna("").astype(str)
    return told.str.split(", ").map(lambda names: warning in names).astype(bool)


def _among_series(store: Store, report: ModelReport) -> Finding:
    name, series = "among its series", report.averages.get("series")
    if series is None:
        return Finding(name, "not told", "the model has no series")
    places = standing(store, report.repo_id, report.revision, report.method, str(series))
    if not places or places[0].of < 2:
        return Finding(name, "alone", f"the only model of {series} under this method")
    numbers: dict[str, float | int | str | None] = {}
    for place in places:
        numbers |= {f"{place.metric}_rank": place.rank, f"{place.metric}_z": place.z}
    numbers["of"] = places[0].of
    far = [place for place in places if abs(place.z) > OUTLIER]
    listed = ", ".join(f"{p.metric} {p.rank} of {p.of} (z {p.z:+.1f})" for p in far or places)
    text = f"in {series}, lowest first: {listed}"
    return Finding(name, "outlier" if far else "usual", text, numbers)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
