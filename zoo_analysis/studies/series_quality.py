"""α-based metrics and norms of poorly and of well trained models."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from zoo_analysis.digits import DigitsSpec, digits_dir, digits_zoo, train
from zoo_analysis.measure.analyze import analyze
from zoo_analysis.sources import resolve_sources
from zoo_analysis.spectra.methods import Preset
from zoo_analysis.stats import regress
from zoo_analysis.store import average
from zoo_analysis.store.schemas import LEADING_METRICS
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.poor_and_well import (
    ALL_POOR,
    POOR,
    Member,
    areas,
    judged,
    pair_shares,
)
from zoo_analysis.studies.study import Outcome, Setting

_SMALL: Final = ("base", "shallow", *POOR)
#: The published one decides.
METHODS: Final[tuple[Preset, ...]] = ("nature2021", "default")


def member(spec: DigitsSpec, root: Path) -> list[Member]:
    """A model, trained unless it is there, and measured by each of `METHODS`.

    Args:
        spec: of the digits zoo.
        root: directory of its zoo.
    """
    path = train(spec, root)
    (ref,) = resolve_sources([str(path)]).refs
    training = spec.name.partition("-")[2]
    out = []
    for method in METHODS:
        means = average(analyze(path, method))
        metrics = {name: math.nan if mean is None else mean for name, mean in means.items()}
        out.append(Member(spec.series, training, spec.seed, ref.accuracies[0].value, metrics))
    return out


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    found = setting.spread("training and measuring", member, zoo_of(setting))
    rows: list[Estimate] = []
    verdicts = []
    for method, members in zip(METHODS, zip(*found, strict=True), strict=True):
        pairs = pair_shares(members)
        verdicts.append(judged([pair for pair in pairs if pair.group == ALL_POOR]))
        zoo = [m for m in members if m.seed == 0]
        told = [*_within_series(zoo), *areas(zoo), *pairs]
        rows += [replace(row, group=f"{row.group}, {method}") for row in told]
    (verdict, seen), (beside, _) = verdicts
    remark = f"By the method {METHODS[1]} instead of {METHODS[0]}: {beside}"
    return replace(outcome(rows, seen, verdict), remarks=(remark,))


def zoo_of(setting: Setting) -> list[tuple[DigitsSpec, Path]]:
    """The digits zoo where `zoo demo` keeps it, and more seeds of its base shapes in the cache."""
    specs, home = digits_zoo(), digits_dir()
    if setting.small:
        kept = [s for s in specs if s.name.partition("-")[2] in _SMALL and s.series == "digits-vit"]
        shape = next(s.model_args for s in specs if s.name == "vit-narrow")
        specs = [replace(s, model_args=shape, epochs=1 + ("half" not in s.name)) for s in kept]
        home = setting.cache / "small-digits"
    more = [s for s in specs if s.name.partition("-")[2] in ("base", *POOR)]
    others, kind = setting.cache / digits_dir().parent.name, "small-" if setting.small else ""
    return [(spec, home) for spec in specs] + [
        (replace(spec, seed=seed), others / f"{kind}{seed}")
        for seed in range(1, setting.seeds)
        for spec in more
    ]


def _within_series(members: Sequence[Member]) -> list[Estimate]:
    """Rank correlation of each metric with accuracy in each series."""
    rows = []
    for series in sorted({m.series for m in members}):
        models = [m for m in members if m.series == series]
        for metric in LEADING_METRICS:
            fit = regress([m.metrics[metric] for m in models], [m.accuracy for m in models])
            rows.append(
                Estimate(
                    series,
                    "τ of metric and accuracy",
                    metric,
                    fit.n,
                    fit.kendall_tau,
                    fit.tau_low,
                    fit.tau_high,
                    fit.perm_p,
                )
            )
    return rows
