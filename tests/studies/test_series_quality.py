"""Poorly against well trained models."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from zoo_analysis.measure.analyze import analyze
from zoo_analysis.store import ModelRows, open_store
from zoo_analysis.store.schemas import ESDS, LEADING_METRICS, SUMMARY_METRICS
from zoo_analysis.studies.analysis.poor_and_well import (
    ALL_POOR,
    POOR,
    WELL,
    Member,
    areas,
    judged,
    mean_area,
    pair_shares,
)
from zoo_analysis.studies.series_quality import METHODS, member, run, zoo_of
from zoo_analysis.studies.study import Outcome, Setting


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(tmp_path_factory.mktemp("cache"), seeds=1, small=True)


@pytest.fixture(scope="module")
def found(setting: Setting) -> Outcome:
    return run(setting)


def members(shift: dict[str, float], seeds: int = 8) -> list[Member]:
    """A base and three poor models a seed; metrics of the poor are shifted, others do not tell."""
    rng = np.random.default_rng(0)
    out = []
    for seed in range(seeds):
        for training in ("base", *POOR):
            metrics = {
                name: shift[name] * (training in POOR) + rng.normal(0, 0.1)
                if name in shift
                else float((seed % 2) * (training in POOR) - 0.5 * (training in POOR))
                for name in LEADING_METRICS
            }
            out.append(Member("s", training, seed, 90, metrics))
    return out


@pytest.mark.parametrize(
    ("shift", "seen"),
    [
        ({"alpha": 1, "log_norm": -1, "log_spectral_norm": -1}, True),
        ({"alpha": 1}, True),
        ({"alpha": 1, "log_norm": 1}, None),
        ({"alpha": 1, "log_norm": 1, "log_spectral_norm": 1}, False),
        ({"log_norm": -1, "log_spectral_norm": -1}, False),
        ({"alpha": -1}, False),
    ],
)
def test_the_finding_is_that_alpha_tells_where_norms_do_not(
    shift: dict[str, float], seen: bool | None
) -> None:
    shares = [share for share in pair_shares(members(shift)) if share.group == ALL_POOR]
    verdict, answer = judged(shares)
    assert answer is seen
    assert verdict.startswith({True: "Seen:", False: "Not seen:", None: "Seen in part:"}[seen])


def test_a_share_has_the_exact_interval_and_ties_count_for_no_side() -> None:
    models = members({"alpha": 1}, seeds=9)
    base, poor = (
        next(m for m in models if m.training == t and m.seed == 0) for t in ("base", "half")
    )
    base.metrics["alpha"] = poor.metrics["alpha"]
    (share,) = [s for s in pair_shares(models) if (s.group, s.measure) == ("half", "alpha")]
    assert (share.n, share.value) == (8, 1)
    assert share.low == pytest.approx(stats.beta.ppf(0.025, 8, 1))  # Clopper & Pearson
    assert share.high == 1
    assert share.p_value == pytest.approx(2 / 2**8)


def test_the_area_is_the_mean_over_series_of_roc_areas() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=n).round(1) for n in (3, 5, 4, 2)]
    expected = [
        roc_auc_score([1] * len(poor) + [0] * len(well), np.concatenate([poor, well]))
        for poor, well in (samples[:2], samples[2:])
    ]
    assert float(mean_area(*samples)) == pytest.approx(np.mean(expected))


def test_a_perfect_order_has_no_interval() -> None:
    models = [
        Member("s", training, 0, 90, dict.fromkeys(LEADING_METRICS, i + 10.0 * (training in POOR)))
        for i, training in enumerate((*WELL, *POOR))
    ]
    (area, *_) = areas(models)
    assert (area.value, area.n) == (1, 8)
    assert np.isnan(area.low)


def test_averages_are_those_of_the_view_summaries(
    setting: Setting, found: Outcome, tmp_path: Path
) -> None:
    (spec, root), *_ = zoo_of(setting)
    store = open_store(tmp_path)
    model = {"repo_id": "digits/x", "revision": "r"}
    no_esds = ESDS.empty_table().select(["layer"])
    rows = [
        ModelRows(model, method, analyze(root / spec.name, method), no_esds) for method in METHODS
    ]
    store.commit_models(rows, "scan")
    shown = {row["method"]: row for row in store.run("FROM summaries").to_pylist()}
    for method, measured in zip(METHODS, member(spec, root), strict=True):
        told = (shown[method][name] for name in SUMMARY_METRICS)
        expected = [np.nan if value is None else value for value in told]
        ours = [measured.metrics[name] for name in SUMMARY_METRICS]
        assert ours == pytest.approx(expected, nan_ok=True)


def test_the_published_method_decides(found: Outcome) -> None:
    assert METHODS[0] == "nature2021"
    (remark,) = found.remarks
    assert remark.startswith("By the method default instead of nature2021: Not seen")


def test_a_small_run_compares_models_within_their_series(found: Outcome) -> None:
    rows = found.table.to_pylist()
    groups = ("digits-vit", "poor against well", *POOR, ALL_POOR)
    assert {row["group"] for row in rows} == {f"{g}, {m}" for g in groups for m in METHODS}
    assert {row["n"] for row in rows if row["group"].startswith("digits-vit")} == {5}
    assert all(-1 <= row["value"] <= 1 for row in rows)
    assert found.seen is False, "one pair cannot show anything"
