"""Rates of machine kinds in a store: the latest calibration, corrected by the scans since then."""

import math
from pathlib import Path

import pytest

from tests.support.scanned_models import MakeModel
from zoo_analysis import calibrate, open_store
from zoo_analysis.cluster.planning.forecast import plan
from zoo_analysis.cluster.scanning.machine_rates import (
    known_rates,
    rate_rows,
    start_rows,
    start_seconds,
)
from zoo_analysis.measure import calibration
from zoo_analysis.measure.calibration import measured_rates
from zoo_analysis.measure.rates import TYPICAL, Rates, machine
from zoo_analysis.spectra import Method, method
from zoo_analysis.store import Store

HOW = Method()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def corrected(store: Store, run_id: str, value: float, seconds: float) -> None:
    row = {"machine": "a", "quantity": "measuring", "value": value, "seconds": seconds}
    store.append("rates", rate_rows([row], HOW, run_id))


def calibrated(store: Store, run_id: str) -> None:
    rows = [row | {"machine": "a"} for row in TYPICAL.rows()]
    store.append("rates", rate_rows(rows, HOW, run_id))


def test_of_a_kind_that_nobody_has_calibrated_the_typical_rates_are_known(store: Store) -> None:
    assert known_rates(store, HOW).of("a") == TYPICAL
    corrected(store, "scan", 2.0, 10.0)
    assert known_rates(store, HOW).of("a") == TYPICAL.corrected(measuring=2.0)
    assert known_rates(store, HOW).of("b") == TYPICAL


def test_scans_correct_in_proportion_to_their_work(store: Store) -> None:
    corrected(store, "one", 2.0, 30.0)
    corrected(store, "two", 0.5, 10.0)
    assert known_rates(store, HOW).of("a").measuring == pytest.approx(math.sqrt(2))


def test_a_new_calibration_forgets_what_scans_said_of_the_old_one(store: Store) -> None:
    calibrated(store, "one")
    corrected(store, "scan", 2.0, 10.0)
    assert known_rates(store, HOW).of("a").measuring == 2.0
    calibrated(store, "two")
    assert known_rates(store, HOW).of("a") == TYPICAL


def test_starts_that_a_calibration_measured_count_with_those_of_later_scans(store: Store) -> None:
    rows = [row | {"machine": "a"} for row in TYPICAL.rows()]
    rows += start_rows("a", process=0.5, starting=2.0, ray=0.0)
    store.append("rates", rate_rows(rows, HOW, "one"))
    known = known_rates(store, HOW).of("a")
    assert (known.process, known.starting) == pytest.approx((0.5, 2.0))
    assert known.ray == TYPICAL.ray, "it was up, and says nothing"
    store.append("rates", rate_rows(start_rows("a", ray=6.0), HOW, "scan"))
    known = known_rates(store, HOW).of("a")
    assert start_seconds(known, few=True, there=False) == pytest.approx(0.5)
    assert start_seconds(known, few=False, there=True) == pytest.approx(0.5)
    assert start_seconds(known, few=False, there=False) == pytest.approx(6.5)


def test_rates_of_one_method_say_nothing_of_another(store: Store) -> None:
    corrected(store, "scan", 2.0, 10.0)
    assert known_rates(store, method(dtype="float32")).of("a") == TYPICAL


def test_a_machine_is_measured_and_plans_know_it(
    store: Store, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_model("net", ((400, 300),))
    before = plan(str(home), store)
    monkeypatch.setattr(calibration, "SIDES", (8, 64, 256))
    found = measured_rates(HOW, threads=2)
    rows = [row | {"machine": machine()} for row in found.rows()]
    store.append("rates", rate_rows(rows, HOW, "calibration"))
    after = plan(str(home), store)
    assert (before.calibrated, after.calibrated) == (False, True)
    assert after.machine == machine()
    assert known_rates(store, HOW).of(machine()) == found
    assert min(*found.gram.values(), *found.eigen.values(), found.hashed, found.model) > 0
    assert 0 <= found.serial <= 1


@pytest.mark.exhaustive
@pytest.mark.usefixtures("local_ray")
def test_every_kind_of_a_cluster_is_calibrated(store: Store) -> None:
    rows = calibrate(store).to_pylist()
    assert {row["machine"] for row in rows} == {machine()}
    known, found = known_rates(store, HOW).of(machine()), Rates.of_rows(rows)
    assert known.rows() == found.rows()
    assert (known.process, known.starting) == pytest.approx((found.process, found.starting))
    assert 0.1 < found.process < 60
    assert 0.1 < found.starting < 60
