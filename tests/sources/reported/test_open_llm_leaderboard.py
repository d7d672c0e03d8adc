"""The Open LLM Leaderboard's table is read by its published columns, and refused where odd."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.stranger_server import stranger
from zoo_analysis import open_store, sync_accuracies
from zoo_analysis.errors import SourceError
from zoo_analysis.sources.reported import Inquiry, accuracy_source

#: Columns as the data set open-llm-leaderboard/contents has them, with numbers of a model of 2024.
ROW: dict[str, Any] = {
    "eval_name": "me_net_bfloat16",
    "Precision": "bfloat16",
    "fullname": "me/net",
    "Model sha": "0123abc",
    "Average ⬆️": 25.0,
    "Hub License": "apache-2.0",
    "#Params (B)": 7.2,
    "IFEval Raw": 0.45,
    "IFEval": 45.0,
    "BBH Raw": 0.5,
    "BBH": 30.3,
    "MATH Lvl 5 Raw": 0.0,
    "MATH Lvl 5": 0.0,
    "GPQA Raw": 0.3,
    "GPQA": 6.7,
    "MUSR Raw": 0.4,
    "MUSR": 8.5,
    "MMLU-PRO Raw": 0.36,
    "MMLU-PRO": 28.9,
    "Submission Date": "2024-06-26",
    "Base Model": "me/base",
}


def table(path: Path, *rows: dict[str, Any]) -> str:
    """A file of the row above, changed in places."""
    pq.write_table(pa.Table.from_pylist([ROW | row for row in rows]), path)
    return str(path)


def test_accuracies_are_the_fractions_in_percent(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    place = table(tmp_path / "contents.parquet", {})
    done = sync_accuracies(store, ["open-llm-leaderboard"], places=[place])
    assert (done.accuracies, done.models, done.remarks) == (6, 1, ())
    rows = store.run("SELECT dataset, metric, value, source FROM accuracies ORDER BY ALL")
    assert {row["dataset"]: row["value"] for row in rows.to_pylist()} == {
        "bbh": 50.0,
        "gpqa": 30.0,
        "ifeval": 45.0,
        "math-lvl-5": 0.0,
        "mmlu-pro": 36.0,
        "musr": 40.0,
    }
    assert set(rows["metric"].to_pylist()) == {"accuracy"}
    assert set(rows["source"].to_pylist()) == {"open-llm-leaderboard"}


@pytest.mark.parametrize("kind", [str, date.fromisoformat])
def test_of_several_rows_of_a_model_the_one_submitted_last_counts(
    tmp_path: Path, kind: Any
) -> None:
    rows = [
        {"BBH Raw": 0.3, "Submission Date": kind("2024-08-01"), "Precision": "float16"},
        {"BBH Raw": 0.4, "Submission Date": kind("2024-06-01")},
        {"BBH Raw": 0.9, "Submission Date": kind("2024-06-01"), "fullname": "me/other"},
        {"BBH Raw": float("nan"), "Submission Date": kind("2024-06-01"), "fullname": "me/none"},
    ]
    told: list[tuple[str, str]] = []
    place = table(tmp_path / "contents.parquet", *rows)
    asked = Inquiry(places=(place,), remark=lambda *each: told.append(each))
    found = list(accuracy_source("open-llm-leaderboard").collect(asked))
    bbh = {a.repo_id: a.value for a in found if a.dataset == "bbh"}
    assert bbh == {"me/net": 30.0, "me/other": 90.0}
    assert told == [
        (place, "rows of models of which a later one counts: 1"),
        (place, "benchmarks of models without a number: 1"),
    ]


def test_it_is_fetched_like_any_table(tmp_path: Path) -> None:
    content = Path(table(tmp_path / "contents.parquet", {})).read_bytes()
    with stranger(lambda path: (200, {}, content)) as server:
        asked = Inquiry(places=(f"{server.url}/train-00000-of-00001.parquet",))
        found = list(accuracy_source("open-llm-leaderboard").collect(asked))
        assert len(found) == 6
        assert found[0].source_url == asked.places[0]
        assert not server.tokens


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"MUSR Raw": 40.0}, "row 2, column MUSR Raw: '40.0' is no fraction"),
        ({"GPQA Raw": -0.1}, "row 2, column GPQA Raw: '-0.1' is no fraction"),
        ({"GPQA Raw": float("inf")}, "row 2, column GPQA Raw: 'inf' is no fraction"),
    ],
)
def test_numbers_out_of_range_are_refused_with_row_and_column(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    place = table(tmp_path / "contents.parquet", {"fullname": "me/a"}, row)
    with pytest.raises(SourceError, match=message):
        list(accuracy_source("open-llm-leaderboard").collect(Inquiry(places=(place,))))


@pytest.mark.parametrize(("value", "kind"), [("0.45", "str"), (True, "bool")])
def test_what_is_no_number_is_called_what_it_is(tmp_path: Path, value: object, kind: str) -> None:
    place = table(tmp_path / "contents.parquet", {"BBH Raw": value})
    with pytest.raises(SourceError, match=f"column BBH Raw: '{value}' is a {kind}, no number"):
        list(accuracy_source("open-llm-leaderboard").collect(Inquiry(places=(place,))))


def test_names_that_no_repository_has_are_left_out_and_told(tmp_path: Path) -> None:
    odd = ["no owner", "a/b/c", " ", "\x1b[31mme/net", "me/" + "x" * 300, None, "me/net"]
    place = table(tmp_path / "contents.parquet", *({"fullname": name} for name in odd))
    told: list[tuple[str, str]] = []
    asked = Inquiry(places=(place,), remark=lambda *each: told.append(each))
    found = list(accuracy_source("open-llm-leaderboard").collect(asked))
    assert {each.repo_id for each in found} == {"me/net"}
    (_, nameless), (_, strange) = told
    assert nameless == "rows without a name of a model: 1"
    assert strange.startswith("rows whose fullname can be no repository of the hub: 5 (no owner, ")
    assert "\x1b" not in strange


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("open-llm-leaderboard", {"columns": {"value": "IFEval Raw"}, "places": ["x.parquet"]}),
        ("timm-csv", {"fixed": {"dataset": "d"}, "places": ["x.csv"]}),
        ("torchvision", {"places": ["x.csv"]}),
    ],
)
def test_what_a_source_does_not_heed_is_refused(
    tmp_path: Path, source: str, given: dict[str, Any]
) -> None:
    with pytest.raises(SourceError, match=source):
        sync_accuracies(tmp_path / "store", [source], **given)


def test_other_files_are_refused(tmp_path: Path) -> None:
    other, text = tmp_path / "other.parquet", tmp_path / "text.parquet"
    pq.write_table(pa.table({"model": ["x"]}), other)
    text.write_text("IFEval Raw\n")
    for place, message in ((other, "no column fullname, IFEval Raw"), (text, "as Parquet")):
        with pytest.raises(SourceError, match=message):
            list(accuracy_source("open-llm-leaderboard").collect(Inquiry(places=(str(place),))))
