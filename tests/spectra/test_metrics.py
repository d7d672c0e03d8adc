"""What the declarations of the metrics say is what everyone else shows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo_analysis.spectra import LayerMetrics, Spectrum, fit_power_law
from zoo_analysis.spectra.metrics import AVERAGED, LEADING, METRICS, SHOWN, computed, markdown_table

METHODS = Path(__file__).parents[2] / "docs" / "methods.md"


def test_the_table_in_the_documentation_is_the_one_declared() -> None:
    assert markdown_table() in METHODS.read_text(), "python -m zoo_analysis.spectra.metrics"


def test_every_metric_is_declared_in_one_line() -> None:
    assert list(METRICS) == list(LayerMetrics.__dataclass_fields__)
    for name, metric in METRICS.items():
        assert metric.meaning, name
        assert not set("|\n") & set(metric.meaning), name


def test_averages_and_shown_metrics_have_the_places_that_are_declared() -> None:
    assert [METRICS[name].averaged for name in LEADING] == list(range(1, len(LEADING) + 1))
    assert [METRICS[name].shown for name in SHOWN] == list(range(1, len(SHOWN) + 1))


def test_averages_told_by_name_alone_follow_those_told_unasked() -> None:
    assert AVERAGED[: len(LEADING)] == LEADING
    assert set(AVERAGED[len(LEADING) :]) == {name for name, each in METRICS.items() if each.asked}


def test_a_metric_of_the_fit_exists_only_where_there_is_one() -> None:
    evals = np.sort(1 + np.random.default_rng(0).pareto(2, 50))
    fit = fit_power_law(evals)
    with_fit = computed(Spectrum(evals, evals, fit))
    assert with_fit["alpha_weighted"] == pytest.approx(fit.alpha * np.log10(evals.max()))
    assert with_fit["log_alpha_norm"] == pytest.approx(np.log10((evals**fit.alpha).sum()))
    without = computed(Spectrum(evals, evals, None))
    assert without["alpha_weighted"] is None
    assert without["log_alpha_norm"] is None


def test_the_declarations_and_the_store_need_no_torch() -> None:
    code = (
        "import sys, zoo_analysis.spectra, zoo_analysis.store\n"
        "from zoo_analysis.spectra import LayerMetrics\n"
        "from zoo_analysis.store import open_store\n"
        "print({'torch', 'scipy', 'pandas', 'ray'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
