"""Lines, bands and τ of the figures are those of scipy and of the textbook."""

from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest
from scipy.stats import kendalltau, linregress, t

from tests.report.figures.conftest import datasets
from zoo_analysis import regress
from zoo_analysis.imports.commit import import_tables
from zoo_analysis.report import figures
from zoo_analysis.store import Store, open_store

SERIES = "uvw"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three series that rise with alpha pooled and fall within; one of one, one NaN."""
    folder = tmp_path_factory.mktemp("regression")
    generator = np.random.default_rng(0)
    lines = ["model,series,dataset,top1,alpha,log_norm"]
    for i, series in enumerate(SERIES):
        for j in range(6):
            x = j - 2 + 0.1 * generator.normal()
            y = 40 + 20 * i - 2 * x + 0.2 * generator.normal()
            lines.append(f"{series}{j},{series},d,{y},{4 * i + x},1.5")
    lines += ["alone,z,d,50,3,1.5", "none,u,d,60,,1.5"]
    (folder / "zoo.csv").write_text("\n".join(lines) + "\n")
    store = open_store(folder / "store")
    import_tables(store, [folder / "zoo.csv"])
    return store


def points(store: Store, series: str) -> tuple[Any, Any]:
    rows = store.run(
        "SELECT s.alpha, a.value FROM summaries s JOIN accuracy a USING (repo_id) "
        "WHERE s.series = $series AND s.alpha IS NOT NULL ORDER BY s.repo_id",
        {"series": series},
    )
    return rows["alpha"].to_numpy(), rows["value"].to_numpy()


def panels(chart: Any) -> dict[str, dict[str, Any]]:
    """Of each series its panel, with the rows of its layers in place of their names."""
    spec = chart.to_dict()
    found = {}
    for panel in spec["concat"]:
        layers = [
            (layer["mark"], spec["datasets"][layer.get("data", panel.get("data"))["name"]])
            for layer in panel["layer"]
        ]
        found[panel["title"]["text"]] = {"layers": layers, "told": panel["title"]["subtitle"]}
    return found


def test_each_panel_has_its_line_its_band_and_the_line_over_all(zoo: Store) -> None:
    chart = figures.regression(zoo, "alpha")
    alt.TopLevelSpec.validate(chart.to_dict())
    drawn = panels(chart)
    assert set(drawn) == set(SERIES), "a series of one has no line"
    xs, ys = (
        np.concatenate(each) for each in zip(*(points(zoo, s) for s in [*SERIES, "z"]), strict=True)
    )
    whole = linregress(xs, ys)
    for series in SERIES:
        x, y = points(zoo, series)
        own = linregress(x, y)
        band, line, pooled, dots = (rows for _, rows in drawn[series]["layers"])
        assert len(dots) == 6
        assert sorted(dot["x"] for dot in dots) == pytest.approx(sorted(x))
        for point in line:
            assert point["y"] == pytest.approx(own.intercept + own.slope * point["x"])
        for point in pooled:
            assert point["y"] == pytest.approx(whole.intercept + whole.slope * point["x"])
        assert own.slope < 0 < whole.slope, "Simpson's paradox is there to be seen"
        spread = np.sqrt(((y - own.intercept - own.slope * x) ** 2).sum() / (len(x) - 2))
        for point in band:
            error = np.sqrt(1 / len(x) + (point["x"] - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
            half = t.ppf(0.975, len(x) - 2) * spread * error
            middle = own.intercept + own.slope * point["x"]
            assert [point["y"], point["high"]] == pytest.approx([middle - half, middle + half])
        assert f"R² {own.rvalue**2:.2g}" in drawn[series]["told"][0]


def test_the_caption_counts_who_has_no_panel(zoo: Store) -> None:
    told = " ".join(figures.regression(zoo, "alpha").to_dict()["title"]["subtitle"])
    assert "a point a model, 19 in all" in told
    assert "1 in groups of fewer than 4 have no panel" in told


def test_axes_hold_all_points(zoo: Store) -> None:
    spec = figures.regression(zoo, "alpha", by="none").to_dict()
    (panel,) = spec["concat"]
    dots = spec["datasets"][panel["layer"][-1]["data"]["name"]]
    for axis in "xy":
        low, high = panel["layer"][-1]["encoding"][axis]["scale"]["domain"]
        assert low < min(dot[axis] for dot in dots) <= max(dot[axis] for dot in dots) < high


def test_a_constant_metric_has_points_and_no_line(zoo: Store) -> None:
    drawn = panels(figures.regression(zoo, "log_norm"))
    assert "no line: constant metric" in drawn["v"]["told"][0]
    ((mark, rows),) = drawn["v"]["layers"]
    assert mark["type"] == "point"
    assert len(rows) == 6


def test_the_grid_has_kendalls_tau_of_every_series_and_metric(zoo: Store) -> None:
    chart = figures.metrics(zoo)
    alt.TopLevelSpec.validate(chart.to_dict())
    (cells,) = datasets(chart)
    found = {(cell["group"], cell["metric"]): cell for cell in cells}
    for series in SERIES:
        expected = kendalltau(*points(zoo, series)).statistic
        assert found[series, "alpha"]["tau"] == pytest.approx(expected)
        assert found[series, "log_norm"]["tau"] is None
    same = figures.metrics(regress(zoo))
    assert datasets(same) == datasets(chart)


def test_the_grid_has_the_metrics_that_are_named(zoo: Store) -> None:
    (cells,) = datasets(figures.metrics(zoo, "alpha"))
    assert {cell["metric"] for cell in cells} == {"alpha"}


def test_of_many_models_a_bounded_number_is_drawn_with_the_extremes(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    lines = ["model,series,dataset,top1,alpha"]
    lines += [f"m{i},s,d,{generator.uniform(20, 80)},{generator.normal()}" for i in range(700)]
    lines += ["odd,s,d,99,9"]
    (tmp_path / "many.csv").write_text("\n".join(lines) + "\n")
    store = open_store(tmp_path / "store")
    import_tables(store, [tmp_path / "many.csv"])
    chart = figures.regression(store, "alpha", by="none")
    dots = max(datasets(chart), key=len)
    assert len(dots) <= 500
    assert max(dot["x"] for dot in dots) == 9
    told = " ".join(chart.to_dict()["title"]["subtitle"])
    assert "500 of 701 models are drawn, the extremes among them." in told
