"""The drawn spectrum is the stored one, and what is drawn over it is what was fitted."""

import math
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest

from tests.report.figures.conftest import commit, embedded, stored
from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures
from zoo_analysis.spectra import fit_power_law
from zoo_analysis.store import Store, open_store


@pytest.mark.parametrize("form", ["density", "ccdf"])
@pytest.mark.parametrize("layer", ["first", "noise", "low"])
def test_the_document_is_vega_lite_and_its_caption_says_what_was_fitted(
    store: Store, layer: str, form: Any
) -> None:
    chart = figures.esd(store, "net-0", layer, form=form)
    spec = chart.to_dict()
    alt.TopLevelSpec.validate(spec)
    told, row = " ".join(spec["title"]["subtitle"]), stored(store, "lab/net-0", layer)
    assert f"α {row['alpha']:.3g}" in told
    assert f"n {row['num_pl_spikes']:.0f} from xmin {row['xmin']:.3g}" in told
    assert ("random initialisation" in told) == (layer == "noise")
    assert ("30 that are zero up to rounding" in told) == (layer == "low")


def test_bars_hold_all_eigenvalues_that_make_the_rank(store: Store) -> None:
    for layer, rank in (("first", 120), ("low", 70)):
        row = stored(store, "lab/net-0", layer)
        bars = embedded(figures.esd(store, "net-0", layer))["eigenvalues"]
        assert sum(bar["count"] for bar in bars) == rank == row["matrix_rank"]
        area = sum(bar["height"] * (bar["high"] - bar["low"]) for bar in bars)
        assert area == pytest.approx(rank / len(row["eigenvalues"]))
        assert bars[-1]["high"] == pytest.approx(row["lambda_max"])


def test_the_power_law_begins_at_xmin_where_its_tail_does_and_falls_as_its_exponent_says(
    store: Store,
) -> None:
    row = stored(store, "lab/net-0", "first")
    law = embedded(figures.esd(store, "net-0", "first", form="ccdf"))["power law"]
    assert law[0]["low"] == pytest.approx(row["xmin"])
    assert law[-1]["low"] <= row["xmax"] * (1 + 1e-12)
    above = np.mean(row["eigenvalues"] >= row["xmin"])
    assert law[0]["height"] == pytest.approx(above)
    rise = math.log(law[-1]["height"] / law[0]["height"])
    assert rise / math.log(law[-1]["low"] / law[0]["low"]) == pytest.approx(1 - row["alpha"])
    dense = embedded(figures.esd(store, "net-0", "first"))["power law"]
    slope = math.log(dense[-1]["height"] / dense[0]["height"])
    assert slope / math.log(dense[-1]["low"] / dense[0]["low"]) == pytest.approx(-row["alpha"])


def test_each_point_of_the_ccdf_is_the_share_of_eigenvalues_as_large(store: Store) -> None:
    evals = stored(store, "lab/net-0", "first")["eigenvalues"]
    for point in embedded(figures.esd(store, "net-0", "first", form="ccdf"))["eigenvalues"]:
        assert point["height"] == pytest.approx(np.mean(evals >= point["low"] * (1 - 1e-12)))


def test_bulk_edge_spikes_and_the_shuffled_spectrum_are_where_they_were_found(store: Store) -> None:
    row = stored(store, "lab/net-0", "first")
    drawn = embedded(figures.esd(store, "net-0", "first"))
    assert [rule["low"] for rule in drawn["bulk's edge λ+"]] == [row["bulk_max"]]
    assert [rule["low"] for rule in drawn["xmin"]] == [row["xmin"]]
    spikes = [spike["low"] for spike in drawn["spikes"]]
    assert spikes == row["eigenvalues"][-int(row["num_spikes"]) :].tolist()
    (band,) = drawn["largest of shuffled W"]
    assert np.sum(row["eigenvalues"] >= band["high"]) == row["num_rand_spikes"]
    assert np.sum(row["eigenvalues"] > band["low"]) == row["num_rand_spikes"]
    bulk = drawn["Marchenko–Pastur bulk"]
    assert max(point["low"] for point in bulk) <= row["bulk_max"]


def test_the_axes_hold_all_that_is_drawn(store: Store) -> None:
    for form in ("density", "ccdf"):
        spec = figures.esd(store, "net-0", "first", form=form).to_dict()
        low, high = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
        rows = [row for rows in spec["datasets"].values() for row in rows]
        heights = [row["height"] for row in rows if "height" in row]
        assert low < min(heights) <= max(heights) <= high


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Layers of 100,000 eigenvalues, of one, and of equal ones, and one without any."""
    store = open_store(tmp_path_factory.mktemp("hard") / "store")
    many = np.sort(np.random.default_rng(0).pareto(2.0, 100_000) + 1)
    fit = fit_power_law(many)
    plain = {"kind": "linear", "N": 1, "M": 1, "shape": [1, 1]}
    spectra = {"many": many, "one": np.array([2.5]), "equal": np.full(30, 4.0)}
    rows = [
        {**plain, "layer": name, "depth": i, "num_evals": len(evals), "status": "too-few-evals"}
        for i, (name, evals) in enumerate(spectra.items())
    ]
    rows[0] |= {
        **{"alpha": fit.alpha, "xmin": fit.xmin, "xmax": fit.xmax, "D": fit.D, "sigma": fit.sigma},
        **{"num_pl_spikes": float(fit.num_pl_spikes), "num_spikes": 5000.0, "status": "success"},
        "bulk_max": 3.0,
        "bulk_min": 0.0,
    }
    rows.append({**plain, "layer": "none", "depth": 3, "num_evals": 8, "status": "too-large"})
    esds = [{"layer": name, "eigenvalues": evals} for name, evals in spectra.items()]
    commit(store, "lab/hard", rows, esds)
    return store


def test_of_100_000_eigenvalues_a_bounded_number_is_embedded_and_the_extremes_are(
    hard: Store,
) -> None:
    evals = stored(hard, "lab/hard", "many")["eigenvalues"]
    for form in ("density", "ccdf"):
        chart = figures.esd(hard, "hard", "many", form=form)
        assert len(chart.to_json(indent=None)) < 250_000
        drawn = embedded(chart)["eigenvalues"]
        ends = [drawn[0]["low"], drawn[-1].get("high", drawn[-1]["low"])]
        assert ends == pytest.approx([evals[0], evals[-1]])
        told = " ".join(chart.to_dict()["title"]["subtitle"])
        assert "1,500 of 100,000 eigenvalues are drawn" in told or form == "density"
        assert "The largest 200 of 5,000 spikes are marked." in told


@pytest.mark.parametrize("form", ["density", "ccdf"])
@pytest.mark.parametrize(("layer", "count"), [("one", 1), ("equal", 30)])
def test_one_eigenvalue_and_equal_ones_are_drawn(
    hard: Store, layer: str, count: int, form: Any, tmp_path: Path
) -> None:
    chart = figures.esd(hard, "hard", layer, form=form)
    drawn = embedded(chart)["eigenvalues"]
    assert sum(row.get("count", 1) for row in drawn) == (count if form == "density" else len(drawn))
    assert all(row["height"] > 0 for row in drawn)
    assert figures.save(chart, tmp_path / "one.png").stat().st_size > 1000
    told = " ".join(chart.to_dict()["title"]["subtitle"])
    assert f"{count} eigenvalue{'s' * (count > 1)} of" in told
    if form == "density":
        assert " 1 bin of equal width" in told
        (bar,) = drawn
        evals = stored(hard, "lab/hard", layer)["eigenvalues"]
        assert bar["low"] * bar["high"] == pytest.approx(evals[0] ** 2)  # it stands in the middle
    with pytest.raises(QueryError, match="no xmin, for no two of its eigenvalues differ"):
        figures.xmin(hard, "hard", layer)


def test_a_layer_without_eigenvalues_says_why(hard: Store) -> None:
    with pytest.raises(QueryError, match="no eigenvalues of none in lab/hard: too-large"):
        figures.esd(hard, "hard", "none")
    with pytest.raises(QueryError, match="did you mean many"):
        figures.esd(hard, "hard", "manny")
    with pytest.raises(QueryError, match="form is 'pdf'"):
        figures.esd(hard, "hard", "many", form="pdf")  # type: ignore[arg-type]
