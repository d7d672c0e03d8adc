"""Studies by name, what an outcome is made of, and intervals by leaving out."""

import math
from importlib import import_module

import numpy as np
import pytest
from scipy import stats

from tests.support.starting import imported_by
from zoo_analysis.errors import ZooError
from zoo_analysis.store.schemas import STUDIES
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.jackknife import jackknife
from zoo_analysis.studies.catalogue import get_study, studies


def test_every_study_says_what_was_published_where_and_how_long_it_takes() -> None:
    assert set(studies()) == {
        "nature-2021",
        "neuronal-robustness",
        "partial-affinity",
        "wcka-calibration",
        "wcka-function",
        "wcka-finetuned",
        "ding-tests",
        "series-quality",
        "gpt",
    }
    for name, study in studies().items():
        assert study.name == name
        assert study.title
        assert study.source
        assert len(study.finding.split()) > 5
        assert not study.finding.endswith(".")
        assert study.seeds >= 1
        assert 0 < study.takes <= 30


def test_every_study_is_run_by_the_module_of_its_name() -> None:
    for name in studies():
        module = import_module(f"zoo_analysis.studies.{name.replace('-', '_')}")
        assert callable(module.run)


def test_listing_the_studies_needs_no_torch() -> None:
    loaded = imported_by("from zoo_analysis.studies.catalogue import studies; studies()")
    assert not {"torch", "ray", "sklearn"} & loaded


def test_an_unknown_study_says_which_was_probably_meant() -> None:
    with pytest.raises(ZooError, match="did you mean ding-tests"):
        get_study("ding-test")
    with pytest.raises(ZooError, match="series-quality"):
        get_study("x")


def test_what_cannot_be_said_is_null_and_every_row_has_the_verdict() -> None:
    found = outcome(
        [Estimate("g", "q", "m", 3, 0.5), Estimate("g", "q", "m", 3, 1, 0, 2)], True, "v"
    )
    assert set(found.table.column_names) < set(STUDIES.names)
    assert found.table["low"].to_pylist() == [None, 0]
    assert found.table["verdict"].to_pylist() == ["v", "v"]
    assert found.table["seen"].to_pylist() == [True, True]


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.random.default_rng(0).normal(size=9)
    found = jackknife(lambda kept: values[kept].mean(), 9)
    expected = stats.t.interval(0.95, 8, values.mean(), values.std(ddof=1) / 3)
    assert (float(found.low), float(found.high)) == pytest.approx(expected)


def test_the_jackknife_of_a_mean_over_pairs_covers_what_pairs_have_in_common() -> None:
    rng = np.random.default_rng(1)
    upper = np.triu_indices(12, 1)
    covered = 0
    for _ in range(400):
        own = rng.normal(size=12)
        pairs = own[:, None] + own + 0.5 * rng.normal(size=(12, 12))

        def mean(kept: np.ndarray, pairs: np.ndarray = pairs) -> float:
            return float(pairs[np.ix_(kept, kept)][np.triu_indices(len(kept), 1)].mean())

        found = jackknife(mean, 12)
        assert found.value == pytest.approx(pairs[upper].mean())
        covered += bool(found.low < 0 < found.high)
    assert 0.91 < covered / 400 < 0.99


def test_too_few_units_or_none_that_matters_leave_no_interval() -> None:
    assert math.isnan(jackknife(lambda kept: len(kept), 2).low)
    assert math.isnan(jackknife(lambda kept: 0.0, 8).high)
