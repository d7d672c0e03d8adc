"""Profiles over depth: the layers as stored, and the line and rings of the diagnoses."""

import altair as alt
import numpy as np
import pytest
from scipy.stats import theilslopes

from tests.report.figures.conftest import datasets, stored
from tests.report.figures.drawing import Drawing
from zoo_analysis import diagnose
from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures
from zoo_analysis.store import Store

LAYERS = ("first", "noise", "low", "last")


def test_points_are_the_layers_of_the_store(store: Store) -> None:
    chart = figures.depth(store, ["net-0", "net-1"], ["alpha", "stable_rank"])
    alt.TopLevelSpec.validate(chart.to_dict())
    rows = next(rows for rows in datasets(chart) if "layer" in rows[0])
    assert len(rows) == 8
    for row in rows:
        of = stored(store, row["model"], row["layer"])
        assert row["alpha"] == of["alpha"]
        assert row["stable_rank"] == of["stable_rank"]
        assert row["position"] == pytest.approx(LAYERS.index(row["layer"]) / 3)


def test_no_axis_goes_far_beyond_its_layers(store: Store) -> None:
    for labels in Drawing(figures.depth(store, "net-0", ["alpha", "stable_rank"])).axes[::2]:
        assert not [label for label in labels if label.startswith("−")]


def test_the_dashed_line_is_theil_and_sens_through_layers_with_structure(store: Store) -> None:
    flow = next(
        rows
        for rows in datasets(figures.depth(store, "net-0"))
        if "layer" not in rows[0] and "alpha" in rows[0]
    )
    told = [stored(store, "lab/net-0", layer) for layer in LAYERS]
    kept = [row for row in told if not row["random_like"] and "degenerate" not in row["warning"]]
    line = theilslopes([r["alpha"] for r in kept], [r["depth"] / 3 for r in kept])
    assert [end["alpha"] for end in flow] == pytest.approx(
        [line.intercept, line.intercept + line.slope]
    )


def test_layers_that_a_diagnosis_names_are_ringed(store: Store) -> None:
    rows = next(rows for rows in datasets(figures.depth(store, "net-0")) if "layer" in rows[0])
    lost = next(f for f in diagnose(store, "net-0").findings if f.diagnosis == "rank collapse")
    assert lost.layers == ("low",)
    assert {row["layer"] for row in rows if "rank collapsed" in row["named"]} == {"low"}


def test_too_many_models_and_unknown_metrics_are_refused(store: Store) -> None:
    with pytest.raises(QueryError, match="9 models: one chart shows at most 8"):
        figures.depth(store, ["net-0"] * 9)
    with pytest.raises(QueryError, match="no metric 'beta'"):
        figures.depth(store, "net-0", "beta")


def test_the_chosen_xmin_has_the_smallest_distance_of_all_candidates(store: Store) -> None:
    row = stored(store, "lab/net-0", "first")
    chart = figures.xmin(store, "net-0", "first")
    alt.TopLevelSpec.validate(chart.to_dict())
    rows = max(datasets(chart), key=len)
    assert len(rows) == 119, "all but the largest"
    best = min(rows, key=lambda each: each["D"])
    assert [best["xmin"], best["D"], best["alpha"]] == pytest.approx(
        [row["xmin"], row["D"], row["alpha"]]
    )
    for each in rows[::20]:
        tail = row["eigenvalues"][row["eigenvalues"] >= each["xmin"] * (1 - 1e-12)]
        assert each["n"] == len(tail)
        assert each["alpha"] == pytest.approx(1 + len(tail) / np.log(tail / tail[0]).sum())
