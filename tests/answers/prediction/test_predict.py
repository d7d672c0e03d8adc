"""Predictions say what they are made of, hold what they say, and abstain where they cannot."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.command import zoo
from tests.support.reported_zoo import MODELS, OF_THE_FIRST, SERIES, made, report
from tests.support.small_models import model_rows
from zoo_analysis.answers.prediction.one_dataset import predictors
from zoo_analysis.answers.prediction.predict import Prediction, predict
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.row_kinds.accuracy import PredictedAccuracy


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return made(tmp_path_factory.mktemp("predicted"))


def by_name(store: Store, *models: str, **options: object) -> dict[str, Prediction]:
    return {r.repo_id: r for r in predict(store, models, keep=False, **options).rows}  # type: ignore[arg-type]


def test_all_without_a_report_are_predicted_new_releases_first(store: Store) -> None:
    found = predict(store, keep=False)
    names = [row.repo_id for row in found.rows]
    assert names[0] == "lab/net-7-0"
    assert set(names) == {"lab/far", *(f"lab/net-{series}-0" for series in range(SERIES))}
    (told,) = found.datasets
    assert (told.predictor, told.baseline) == ("alpha", "size")
    assert (told.models, told.series) == ((SERIES - 1) * (MODELS - 1) + OF_THE_FIRST - 1, SERIES)
    assert (told.predicted, told.abstained) == (SERIES, 1)
    assert "alpha predicts best" in told.words
    assert told.error is not None
    assert told.baseline_error is not None
    assert told.error < 2 < told.baseline_error


def test_a_series_with_enough_reports_calibrates_its_own_intervals(store: Store) -> None:
    rows = by_name(store)
    own = rows["lab/net-0-0"]
    assert (own.interval, own.models, own.series) == ("by series", OF_THE_FIRST - 1, 1)
    others = {row.interval for name, row in rows.items() if row.predicted and name != own.repo_id}
    assert others == {"across series"}
    width = {name: row.high - row.low for name, row in rows.items() if row.high and row.low}
    assert width["lab/net-0-0"] < np.median(list(width.values()))


def test_out_of_range_it_abstains_and_says_in_what(store: Store) -> None:
    far = by_name(store)["lab/far"]
    assert (far.predicted, far.low, far.high, far.interval) == (None,) * 4
    assert far.reason is not None
    assert far.reason.startswith("its alpha 40 is outside 2.")


def test_models_without_a_series_are_counted_where_nothing_can_be_predicted(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit_models([model_rows(f"l/{i}", parameters=10**7 + i) for i in range(20)], "scan")
    report(store, {f"l/{i}": 70.0 + i for i in range(19)})
    (why,) = predict(store, keep=False).too_few
    assert why.endswith(
        "there are 0, and at most 0 (19 with a report but without a series set aside)"
    )


def test_the_mean_is_called_the_mean(tmp_path: Path) -> None:
    store = made(tmp_path, by_alpha=0.0, by_size=0.0, noise=3.0)
    words = {predict(store, level=level, keep=False).datasets[0].words for level in (0.5, 0.9)}
    assert not any("; mean predicts" in told for told in words)


def test_a_size_out_of_range_is_told_in_parameters(tmp_path: Path) -> None:
    store = made(tmp_path, by_alpha=0.0, by_size=8.0)
    store.commit_models([model_rows("lab/huge", series="s1", parameters=10**12)], "scan")
    (row,) = predict(store, ["lab/huge"], keep=False).rows
    known = store.run(
        "SELECT min(parameters) AS least, max(parameters) AS most FROM models "
        "WHERE repo_id IN (SELECT repo_id FROM accuracy)"
    ).to_pylist()[0]
    assert row.reason == (
        "its 1,000,000,000,000 parameters are outside {least:,} to {most:,}".format(**known)
    )


def test_what_was_measured_by_another_method_alone_is_named(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.commit_models([model_rows("lab/other", series="s1", method="other-1")], "scan")
    (told,) = predict(store, keep=False).datasets
    assert any(r.endswith("so not predicted: lab/other") for r in told.remarks), told.remarks
    assert by_name(store, "lab/other") == {}


def test_what_is_predicted_takes_no_part(store: Store) -> None:
    names = [f"lab/net-{series}-1" for series in (0, 3)]
    before = by_name(store, *names)
    assert set(before) == set(names)
    assert all(row.reported is not None and row.verdict for row in before.values())
    value = before[names[1]].reported
    assert value is not None
    report(store, dict.fromkeys(names, 3.0))
    after = by_name(store, *names)
    for name in names:
        assert after[name].predicted == before[name].predicted
        assert (after[name].reported, after[name].verdict) == (3.0, "outside")
    report(store, {name: before[name].reported or 0 for name in names})


def test_intervals_hold_what_they_say(store: Store) -> None:
    names = store.run("SELECT DISTINCT repo_id FROM accuracy ORDER BY ALL")["repo_id"].to_pylist()
    verdicts = [predict(store, [name], keep=False).rows[0].verdict for name in names[::4]]
    assert set(verdicts) <= {"inside", "outside"}
    assert verdicts.count("inside") >= 0.75 * len(verdicts)  # of 15: 11 and fewer once in 80


def test_nothing_beats_size_alone_and_it_says_so(tmp_path: Path) -> None:
    (told,) = predict(made(tmp_path, by_alpha=0.0, by_size=8.0), keep=False).datasets
    assert told.predictor == told.baseline == "size"
    assert "nothing beats size alone" in told.words


@pytest.mark.parametrize("value", [100.0, 0.0, 76.3])
def test_where_all_reports_are_the_same_it_says_so_and_one_more_is_inside(
    tmp_path: Path, value: float
) -> None:
    store = open_store(tmp_path)
    names = [f"l/{series}-{i}" for series in range(11) for i in range(2)]
    store.commit_models(
        [
            model_rows(name, alphas=(2 + i / 9, 3), series=name[2:-2], parameters=10**7)
            for i, name in enumerate(names)
        ],
        "scan",
    )
    report(store, dict.fromkeys(names, value))
    found = predict(store, names[:1], keep=False)
    assert [(row.predicted, row.verdict) for row in found.rows] == [(value, "inside")]
    assert [told.error for told in found.datasets] == [0.0]
    remarks = found.datasets[0].remarks
    assert "all 21 with a report have the same accuracy" in remarks
    assert "all 21 with a report have the same number of parameters" in remarks


def test_what_cannot_predict_is_told(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.commit_models(
        [
            model_rows("lab/no-series", parameters=10**7),
            model_rows("lab/part", series="s1", parameters=10**7, coverage=0.5),
            model_rows("lab/tagged", series="s1", parameters=10**7, pipeline_tag="translation"),
            model_rows("lab/no-size", alphas=(3.0, 3.0), series="s1"),
        ],
        "scan",
    )
    report(store, {"lab/no-series": 50.0})
    found = predict(store, keep=False)
    (told,) = found.datasets
    assert "1 with a report but without a series set aside" in told.remarks
    assert any(remark.startswith("1 without a report, of tasks") for remark in told.remarks)
    rows = {row.repo_id: row for row in found.rows}
    assert rows["lab/part"].reason == "only 50% of its matrices were measured"
    assert "lab/tagged" not in rows
    asked = by_name(store, "lab/tagged")["lab/tagged"]
    assert asked.reason == "no model with a report has its task, translation"
    assert rows["lab/no-size"].predicted is not None  # α predicts, not size


def test_too_few_series_are_no_interval(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    rows = [
        model_rows(f"l/{s}-{i}", alphas=(2 + i / 2, 3.0), series=s, parameters=(i + 1) * 10**6)
        for s in "abc"
        for i in range(4)
    ]
    store.commit_models(rows, "scan")
    report(store, {f"l/{s}-{i}": 70.0 + i for s in "abc" for i in (0, 1, 3)})
    passed_over = predict(store, keep=False)
    assert (passed_over.rows, passed_over.datasets) == ((), ())
    (why,) = passed_over.too_few
    assert why == (
        "d: a 90% interval needs reports of 9 series, or of 9 models of one series: there are 3, "
        "and at most 3"
    )
    (why,) = predict(store, level=0.995, keep=False).too_few
    assert why.startswith("d: a 99.5% interval needs reports of 199 series")
    assert "too few reports on d: a 90%" in zoo("predict", "--store", tmp_path).out
    row = by_name(store, dataset="d")["l/a-2"]
    assert row.predicted is None
    assert row.reason == (
        "a 90% interval needs reports of 9 series, or of 9 models of its own series: "
        "there are 3 and 3"
    )
    # Three of its own were enough, but without the ends of their range one is left.
    assert by_name(store, level=0.7)["l/a-2"].interval == "across series"


def test_prediction_record(tmp_path: Path) -> None:
    store = made(tmp_path)
    first = predict(store).rows
    predict(store)
    kept = store.run("SELECT * FROM predictions")
    assert len(kept) == len(first) == SERIES + 1
    assert set(kept["run_id"].to_pylist()) == {kept["run_id"][0].as_py()}
    assert all(kept["of_version"].to_pylist())
    named = {row.repo_id: row for row in first}
    inside, outside = named["lab/net-3-0"], named["lab/net-4-0"]
    assert inside.predicted is not None
    assert outside.high is not None
    report(store, {inside.repo_id: inside.predicted + 0.1, outside.repo_id: outside.high + 1})
    rows = store.run("prediction-record").to_pylist()
    (across,) = [row for row in rows if row["interval"] == "across series"]
    assert (across["reports"], across["inside"], across["coverage"]) == (2, 1, 0.5)
    missed = outside.high + 1 - (outside.predicted or 0)
    assert across["mean_error"] == pytest.approx((0.1 + missed) / 2)
    assert across["rmse"] == pytest.approx(np.sqrt((0.1**2 + missed**2) / 2))
    assert (across["level"], across["not_reported_yet"]) == (0.9, SERIES - 3)
    assert sum(row["abstained"] for row in rows) == 1
    # What was reported when it was predicted is no forecast: it is neither kept nor counted.
    predict(store, [inside.repo_id])
    assert store.run("prediction-record").to_pylist() == rows
    assert len(store.run("prediction-record", {"dataset": "other"})) == 0


def test_the_command_tells_it_in_words_and_rows(store: Store, tmp_path: Path) -> None:
    done = zoo("predict", "net-3-1", "--store", store.uri, "--no-keep")
    assert "alpha predicts best" in " ".join(done.out.split())
    assert "inside" in done.out or "outside" in done.out
    told = json.loads(zoo("predict", "--store", store.uri, "--format", "json", "--no-keep").out)
    assert len(told["predictions"]) == SERIES + 1
    assert told["datasets"][0]["words"]


def test_what_may_predict() -> None:
    names = [p.name for p in predictors(("size", "alpha", "weight_mean", "bias_mean"))]
    ridges = [*["weight statistics"] * 3, *["all"] * 3]
    assert names == ["size", "mean", "alpha", "weight_mean", "bias_mean", *ridges]
    assert [p.name for p in predictors(("alpha",))] == ["mean", "alpha"]


def test_a_column_that_few_models_lack_predicts_and_those_are_set_aside(tmp_path: Path) -> None:
    store = made(tmp_path)
    names = store.run("SELECT DISTINCT repo_id FROM accuracy ORDER BY ALL")["repo_id"].to_pylist()
    store.commit_models(
        [model_rows(n, "r2", series="s2", alphas=(3.0, 3.0)) for n in names[:4]], "s"
    )
    (told,) = predict(store, keep=False).datasets  # these have no size any more
    assert told.baseline == "size"
    assert "4 with a report but not all that predicts set aside" in told.remarks
    store.commit_models(
        [model_rows(n, "r2", series="s2", alphas=(3.0, 3.0)) for n in names[4:8]], "s"
    )
    (told,) = predict(store, keep=False).datasets
    assert told.baseline == "mean"
    assert any(remark.startswith("too seldom known to predict: size") for remark in told.remarks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dataset": "imagenet"},
            "no accuracy is reported on 'imagenet'; there are: accuracy on d",
        ),
        ({"accuracy": "top5"}, "no top5 is reported; there are: accuracy on d"),
        ({"method": "nope"}, "no model was measured"),
        ({"models": ["lab/net-1-9"]}, "no measured model 'lab/net-1-9'"),
        ({"level": 90}, "level is 90: give a share within 0 and 1"),
    ],
)
def test_names_that_are_not_there(store: Store, options: dict[str, object], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        predict(store, keep=False, **options)  # type: ignore[arg-type]


def test_the_table_has_the_columns_of_the_record() -> None:
    names = [*PredictedAccuracy.__dataclass_fields__, "predicted_at"]
    from zoo_analysis.store.schemas import TABLES

    assert TABLES["predictions"].names == names
    assert TABLES["predictions"].field("predicted").type == pa.float64()
