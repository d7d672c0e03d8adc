"""The published diagnoses of one model, each in words and numbers, as shares of its layers.

Correlation Flow and Scale Collapse: Martin, Peng & Mahoney 2021. Over- and under-trained layers,
rank collapse and correlation traps: WeightWatcher. The thresholds are in docs/statistics.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from zoo_analysis.answers.model import ModelReport, show
from zoo_analysis.answers.ranking import Place, standing
from zoo_analysis.answers.remarks.finding import (
    Finding,
    counted,
    extent,
    in_words,
    interval,
    listed,
)
from zoo_analysis.answers.remarks.off_scale import FEWEST, OUTLIER, scale_collapse
from zoo_analysis.spectra.layer_warnings import OVER_TRAINED, UNDER_TRAINED
from zoo_analysis.stats import share, trend
from zoo_analysis.store import Store, as_store
from zoo_analysis.texts import typeset

if TYPE_CHECKING:
    import pandas as pd

#: Scatter of α about its trend from which the flow is erratic: a quarter of the band from 2 to 6.
ERRATIC: Final = 1.0
#: Level of the test for a trend.
TREND: Final = 0.05
#: Share of a matrix's rank that is missing where it has collapsed.
COLLAPSED: Final = 0.1
#: Verdict on a model most of whose layers have the spectrum of a random initialisation.
RANDOM_LIKE: Final = "random-like"
_UNJUDGED: Final = "no layer's spectrum can be judged: too small, imported, or of an older scan"
#: Normal quantile of 95 %.
_Z: Final = 1.959964


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
    series = report.averages.get("series")
    places = () if series is None else standing(store, **report.key, series=str(series))
    return Diagnosis(report, (*layer_findings(layers), among_series(series, places)))


def layer_findings(layers: "pd.DataFrame") -> tuple[Finding, ...]:
    """The diagnoses of one model's layers.

    Args:
        layers: its rows of `network_layers`, in the order of depth.
    """
    if not len(layers):
        nothing = "averages only: the store has no layers of this model"
        return (Finding("layers", "not told", nothing),)
    checks: tuple[Callable[[pd.DataFrame], Finding], ...] = (
        trained_at_all,
        correlation_flow,
        scale_collapse,
        training,
        rank_collapse,
        traps,
    )
    findings = [check(layers) for check in checks]
    if findings[0].verdict == RANDOM_LIKE:
        findings = [_of_noise(finding) for finding in findings]
    return tuple(findings)


def trained_at_all(layers: "pd.DataFrame") -> Finding:
    """Layers whose spectrum is still that of a random initialisation (docs/methods.md).

    It is said of the spectrum, not of accuracy.
    """
    name = "trained at all"
    told = layers[layers["random_like"].notna()]
    if not len(told):
        return Finding(name, "not told", _UNJUDGED)
    alike = told.loc[told["random_like"] > 0.5, "layer"].tolist()
    part = share(len(alike), len(told))
    verdict = (
        RANDOM_LIKE if part.low > 0.5 else "undecided" if part.high > 0.5 else "not random-like"
    )
    text = (
        f"{in_words(part)} have the spectrum of a random initialisation, "
        "which says nothing of accuracy"
    )
    text += f": {listed(alike)}" if 0 < len(alike) < len(told) else ""
    return Finding(
        name, verdict, text, interval("random_like", part) | {"judged": part.of}, tuple(alike)
    )


def correlation_flow(layers: "pd.DataFrame") -> Finding:
    """α over depth: its level, its trend, and how much it scatters about the trend."""
    name = "correlation flow"
    layers = _with_structure(layers)
    found = trend(layers["depth"] / max(layers["depth"].max(), 1), layers["alpha"])
    if not np.isfinite(found.scatter):
        return Finding(name, "not told", f"{_left(found.n)}: three depths make a flow")
    way = "no trend" if found.p >= TREND else "rising" if found.slope > 0 else "falling"
    steady = "erratic" if found.scatter > ERRATIC else "steady"
    text = typeset(
        f"median α {found.median:.2f}, from first to last layer {found.slope:+.2f} "
        f"({found.slope_low:+.2f} to {found.slope_high:+.2f}, p {found.p:.2g}), scatter "
        f"{found.scatter:.2f} about that in "
    ) + counted(found.n)
    return Finding(name, f"{way}, {steady}", text, asdict(found))


def training(layers: "pd.DataFrame") -> Finding:
    """Layers that α calls over- or under-trained, and tails that are short for an α."""
    name = "training"
    fits, degenerate = _with_structure(layers), _warned(layers, "degenerate-tail")
    fits = fits[fits["alpha"].notna()]
    if not len(fits):
        return Finding(name, "not told", _left(0))
    error = _Z * fits["sigma"].astype(float).fillna(0)
    over, under = fits["alpha"] < OVER_TRAINED, fits["alpha"] > UNDER_TRAINED
    sure = (fits["alpha"] + error < OVER_TRAINED) | (fits["alpha"] - error > UNDER_TRAINED)
    parts = {
        "over_trained": share(int(over.sum()), len(fits)),
        "under_trained": share(int(under.sum()), len(fits)),
    }
    within = share(int((~over & ~under).sum()), len(fits))
    numbers = {
        "fitted": len(fits),
        **interval("over_trained", parts["over_trained"]),
        **interval("under_trained", parts["under_trained"]),
        "beyond_error": int(sure.sum()),
        "short_tails": int(_warned(fits, "short-tail").sum()),
        "degenerate_tails": int(degenerate.sum()),
    }
    mostly = {"over-trained": parts["over_trained"], "under-trained": parts["under_trained"]}
    verdict = next((f"mostly {word}" for word, part in mostly.items() if part.low > 0.5), "mixed")
    verdict = "mostly within 2 to 6" if within.low > 0.5 else verdict
    told = [f"{in_words(within)} have α between 2 and 6"]
    for rows, what in ((over, "over-trained (α < 2)"), (under, "under-trained (α > 6)")):
        if rows.any():
            told.append(f"{int(rows.sum())} {what}: {listed(fits.loc[rows, 'layer'])}")
    if (over | under).any():
        told.append(f"{int(sure.sum()) or 'none'} of these beyond the error of α")
    for what in ("short", "degenerate"):
        if count := numbers[f"{what}_tails"]:
            told.append(f"{count} with a {what} tail" + " (not counted)" * (what == "degenerate"))
    concerned = (*fits.loc[over, "layer"], *fits.loc[under, "layer"])
    return Finding(name, verdict, "; ".join(told), numbers, concerned)


def rank_collapse(layers: "pd.DataFrame") -> Finding:
    """Layers that lost a share of the rank that their shape allows."""
    name = "rank collapse"
    # The smallest matrices have no numbers: of rank one, or zero.
    rank = layers["status"].map({"rank-one": 1.0, "all-zero": 0.0})
    loss = layers["rank_loss"].astype(float).fillna(layers["num_evals"] - rank)
    told = layers[loss.notna() & (layers["num_evals"] > 0)]
    if not len(told):
        return Finding(name, "not told", "no layer's rank is known")
    lost = loss[told.index] / told["num_evals"]
    collapsed = lost > COLLAPSED
    part = share(int(collapsed.sum()), len(told))
    numbers = {
        "layers": len(told),
        "deficient": int((lost > 0).sum()),
        **interval("collapsed", part),
        "largest_share_lost": float(lost.max()),
    }
    names = told.loc[collapsed, "layer"].tolist()
    if not names:
        text = (
            f"none of {counted(len(told))} lost more than {100 * COLLAPSED:.0f} % of its rank "
            f"(most {100 * lost.max():.1f} %)"
        )
        return Finding(name, "none", text, numbers)
    shown = [
        f"{layer} ({100 * gone:.0f} % lost)"
        for layer, gone in zip(names, lost[collapsed], strict=True)
    ]
    text = f"{in_words(part)} lost more than {100 * COLLAPSED:.0f} % of their rank: {listed(shown)}"
    return Finding(name, extent("collapsed", part), text, numbers, tuple(names))


def traps(layers: "pd.DataFrame") -> Finding:
    """Correlation traps: eigenvalues that stay large when a layer's entries are shuffled."""
    name = "correlation traps"
    told = layers[layers["num_traps"].notna()]
    if not len(told):
        return Finding(name, "not told", "not measured: scan with --randomize")
    names = told.loc[told["num_traps"] > 0, "layer"].tolist()
    part = share(len(names), len(told))
    numbers = {
        "layers": len(told),
        **interval("trapped", part),
        "traps": int(told["num_traps"].sum()),
    }
    if not names:
        return Finding(name, "none", f"none in {counted(len(told))}", numbers)
    text = f"{in_words(part)}: {listed(names)}"
    return Finding(name, extent("trapped", part), text, numbers, tuple(names))


def _of_noise(finding: Finding) -> Finding:
    if finding.diagnosis not in ("correlation flow", "training"):
        return finding
    return Finding(finding.diagnosis, "not told", "α of a random-like spectrum says nothing")


def _with_structure(layers: "pd.DataFrame") -> "pd.DataFrame":
    """Layers whose α says something: there is structure in the spectrum, and a tail."""
    alike = layers["random_like"].astype(float) > 0.5
    return layers.loc[~alike & ~_warned(layers, "degenerate-tail")]


def _left(fitted: int) -> str:
    return f"{counted(fitted)} with α and a spectrum that is not random-like"


def _warned(layers: "pd.DataFrame", warning: str) -> "pd.Series[bool]":
    told = layers["warning"].fillna("").astype(str)
    return told.str.split(", ").map(lambda names: warning in names).astype(bool)


def among_series(series: str | None, places: Sequence[Place]) -> Finding:
    """The model's places in its series, and by which metrics it stands apart.

    Args:
        series: its name; None for a model of none.
        places: by every metric that the model has.
    """
    name = "among its series"
    if series is None:
        return Finding(name, "not told", "the model has no series")
    if not places or places[0].of < 2:
        return Finding(name, "alone", f"the only model of {series} under this method")
    numbers: dict[str, float | int | str | None] = {}
    for place in places:
        numbers |= {f"{place.metric}_rank": place.rank, f"{place.metric}_z": place.z}
    numbers["of"] = places[0].of
    few = places[0].alike < FEWEST
    far = [place for place in places if abs(place.z) > OUTLIER and not few]
    listed = ", ".join(
        f"{p.metric} {p.rank} of {p.of}" + (f" (z {typeset(f'{p.z:+.1f}')})" if not few else "")
        for p in far or places
    )
    last = ", those that look random last" if places[0].alike < places[0].of else ""
    text = f"in {series}, lowest first{last}: {listed}"
    verdict = "too few to tell" if few else "outlier" if far else "usual"
    return Finding(name, verdict, text, numbers)
