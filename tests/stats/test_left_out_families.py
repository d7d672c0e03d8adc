"""Published tables, each series predicted from the others: do the intervals hold what they should?

The numbers are those of docs/statistics.md.
"""

import csv
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.reference import NATURE_2021, TIMM
from zoo_analysis.sources.metadata import timm_family
from zoo_analysis.stats import Predictor, predict_by_groups
from zoo_analysis.stats.percent_scale import logit, percents
from zoo_analysis.studies.trends.printed_cells import INFERRED, OUTLIERS, families
from zoo_analysis.studies.trends.published_models import published_models

METRICS = (
    *("log_norm", "mean_spectral_norm", "alpha", "alpha_weighted", "log_alpha_norm"),
    *("stable_rank", "mp_softrank"),
)
LOGARITHMS = {"mean_spectral_norm", "stable_rank", "mp_softrank"}


class Honest(NamedTuple):
    """Of models whose series was left out; 90 % intervals, accuracies in percent."""

    predicted: int
    coverage: float
    coverage_of_series: float
    rmse: float
    rmse_of_series: float
    chosen: list[str]


def left_out(
    x: np.ndarray, accuracy: np.ndarray, series: list[str], tried: list[Predictor]
) -> Honest:
    """Each series predicted by a choice, a fit and residuals that have not seen it."""
    groups = np.unique(series, return_inverse=True)[1]
    y = logit(accuracy)
    ends = np.empty((3, len(y)))
    inside = np.empty(len(y), dtype=bool)
    chosen = []
    for group in range(groups.max() + 1):
        out = groups == group
        found = predict_by_groups(x[~out], y[~out], groups[~out], x[out], tried, 0.9)
        ends[:, out] = [percents(each) for each in (found.values, found.low, found.high)]
        inside[out] = found.inside & np.isfinite(found.high)
        chosen.append(found.predictor.name)
    held = (ends[1] <= accuracy) & (accuracy <= ends[2])
    missed = (ends[0] - accuracy) ** 2

    def of_series(values: np.ndarray) -> float:
        return float(np.mean([values[inside & (groups == g)].mean() for g in set(groups[inside])]))

    return Honest(
        int(inside.sum()),
        float(held[inside].mean()),
        of_series(held),
        float(np.sqrt(missed[inside].mean())),
        float(np.sqrt(of_series(missed))),
        chosen,
    )


@pytest.fixture(scope="module")
def families_2021() -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """Predictors (data sets as columns of 0 and 1, then metrics), accuracies, and families."""
    folder = NATURE_2021
    if not (folder / "osmr.csv").exists():
        pytest.skip("the published averages are not at hand")
    members = families(published_models(folder), OUTLIERS | INFERRED)
    of = {model.name: " ".join(key) for key, models in members.items() for model in models}
    with (folder / "osmr.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] in of]
    datasets = sorted({row["dataset"] for row in rows})
    columns = [[float(row["dataset"] == name) for row in rows] for name in datasets]
    for name in METRICS:
        values = np.array([float(row[name]) for row in rows])
        columns.append(list(np.log(values) if name in LOGARITHMS else values))
    accuracy = np.array([100 - float(row["top1_error"]) for row in rows])
    return np.column_stack(columns), accuracy, [of[row["model"]] for row in rows], len(datasets)


def test_families_of_2021_left_out_are_inside_their_intervals(
    families_2021: tuple[np.ndarray, np.ndarray, list[str], int],
) -> None:
    x, accuracy, series, datasets = families_2021
    assert len(set(series)) == 27
    level = tuple(range(datasets))
    mean = Predictor("mean", level)
    single = [Predictor(m, (*level, datasets + i)) for i, m in enumerate(METRICS)]
    every = tuple(range(x.shape[1]))
    ridge = [Predictor("all", every, penalty) for penalty in (0.01, 0.1, 1.0)]
    found = left_out(x, accuracy, series, [mean, *single, *ridge])
    assert found.predicted == 211
    assert 0.87 <= found.coverage <= 0.93
    # Each family weighing the same, an interval for a new one holds at least what it says, and at
    # most as much more as one family weighs.
    assert 0.9 <= found.coverage_of_series <= 0.9 + 1 / 27
    # No metric, and not all together, foretells a family better than the mean of the data set does.
    baseline = left_out(x, accuracy, series, [mean])
    norm = left_out(x, accuracy, series, single[:1])
    told = [(e.rmse_of_series, e.rmse) for e in (found, baseline, norm)]
    assert told == [
        (pytest.approx(6.8, abs=0.05), pytest.approx(7.9, abs=0.05)),
        (pytest.approx(6.8, abs=0.05), pytest.approx(7.3, abs=0.05)),
        (pytest.approx(7.0, abs=0.05), pytest.approx(8.0, abs=0.05)),
    ]


def timm_table(name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """log10 parameters, top-1 accuracies and series of timm's models."""
    path = TIMM / name
    if not path.exists():
        pytest.skip("timm's tables are not at hand")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    size = np.log10([float(row["param_count"].replace(",", "")) for row in rows])
    accuracy = np.array([float(row["top1"]) for row in rows])
    return size[:, None], accuracy, [timm_family(row["model"].partition(".")[0]) for row in rows]


@pytest.mark.parametrize(
    ("name", "of_size", "of_mean"),
    [
        ("results-imagenet.csv", 3.3, 5.4),
        pytest.param("results-imagenet-r.csv", 7.7, 11.4, marks=pytest.mark.exhaustive),
    ],
)
def test_size_alone_foretells_series_of_timm(name: str, of_size: float, of_mean: float) -> None:
    x, accuracy, series = timm_table(name)
    found = left_out(x, accuracy, series, [Predictor("size", (0,)), Predictor("mean")])
    assert set(found.chosen) == {"size"}
    assert found.coverage_of_series == pytest.approx(0.9, abs=0.015)
    assert found.rmse == pytest.approx(of_size, abs=0.05)
    names, of = np.unique(series, return_inverse=True)
    others = np.array([logit(accuracy[of != i]).mean() for i in range(len(names))])
    of_others = np.sqrt(np.mean((percents(others)[of] - accuracy) ** 2))
    assert of_others == pytest.approx(of_mean, abs=0.05)


@pytest.mark.exhaustive
def test_models_of_known_series_are_inside_intervals_of_their_own() -> None:
    x, accuracy, series = timm_table("results-imagenet.csv")
    y = logit(accuracy)
    groups = np.unique(series, return_inverse=True)[1]
    tried = [Predictor("size", (0,)), Predictor("mean")]
    held, missed = [], []
    for group in range(groups.max() + 1):
        own = np.flatnonzero(groups == group)
        for one in own[:20] if len(own) >= 12 else ():
            rest = own[own != one]
            found = predict_by_groups(x[rest], y[rest], np.arange(len(rest)), x[[one]], tried, 0.9)
            if found.inside[0] and np.isfinite(found.high[0]):
                held.append(found.low[0] <= y[one] <= found.high[0])
                missed.append(percents(found.values)[0] - accuracy[one])
    assert len(held) == 637
    assert np.mean(held) == pytest.approx(0.947, abs=5e-4)
    assert np.sqrt(np.mean(np.square(missed))) == pytest.approx(1.5, abs=0.05)
