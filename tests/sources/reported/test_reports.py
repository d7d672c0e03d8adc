"""Reported accuracies are kept by source; where sources disagree it shows."""

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest

from zoo_analysis import open_store
from zoo_analysis.errors import SourceError
from zoo_analysis.sources import Accuracy
from zoo_analysis.sources.reported import any_csv, timm_csv, torchvision_accuracies
from zoo_analysis.store.schemas import ACCURACIES

RESULTS = """model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
vgg11.tv_in1k,224,69.028,30.972,88.626,11.374,132.86,0.875,bilinear
eva_giant.clip,336,91.078,8.922,98.604,1.396,"1,013.01",1.000,bicubic
"""


def append(store: Path, rows: list[Accuracy]) -> None:
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=ACCURACIES)
    open_store(store).append("accuracies", table)


def test_timms_tables_name_their_data_set(tmp_path: Path) -> None:
    for name, dataset in (("imagenet", "imagenet-1k"), ("imagenet-real", "imagenet-real")):
        file = tmp_path / f"results-{name}.csv"
        file.write_text(RESULTS)
        found = timm_csv(str(file))
        assert {a.dataset for a in found} == {dataset}
        assert (found[0].repo_id, found[0].metric, found[0].value) == (
            "timm/vgg11.tv_in1k",
            "accuracy",
            69.028,
        )
        assert len(found) == 4
    with pytest.raises(SourceError, match="named as timm"):
        timm_csv(str(tmp_path / "other.csv"))


def test_torchvision_reports_of_timms_repositories() -> None:
    found = {(a.repo_id, a.metric): a.value for a in torchvision_accuracies()}
    assert found["timm/resnet50.tv_in1k", "accuracy"] == pytest.approx(76.13, abs=0.01)
    assert found["timm/resnet50.tv2_in1k", "accuracy"] == pytest.approx(80.858, abs=0.01)
    assert ("timm/regnety_008_tv.tv2_in1k", "top5") in found
    assert ("timm/regnetx_016.tv2_in1k", "top5") in found


def test_any_table_is_read_by_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("Model,Acc,Link\nme/a,75,http://x\nme/b,81%,\nme/c,,\n")
    columns = {"repo_id": "Model", "value": "Acc", "source_url": "Link"}
    found = any_csv(str(file), columns, {"dataset": "d", "metric": "accuracy"})
    assert [(a.repo_id, a.value, a.source, a.source_url) for a in found] == [
        ("me/a", 75.0, "csv:mine.csv", "http://x"),
        ("me/b", 81.0, "csv:mine.csv", None),
    ]
    with pytest.raises(SourceError, match="no column dataset"):
        any_csv(str(file), columns, {"metric": "accuracy"})
    with pytest.raises(SourceError, match="modell: unknown"):
        any_csv(str(file), {"modell": "Model"}, {})


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (("0.75", "0.81"), r"accuracy: no value is above 1 \(row 1: 0\.75\)"),
        (("0.75", "81%"), r"no value is above 1 \(row 1: 0\.75\)"),
        (("", "0.81"), r"no value is above 1 \(row 2: 0\.81\)"),
        (("75", "7613"), "row 2, accuracy of me/1: 7613 is not within 0 and 100 percent"),
        (("-0.1", "75"), "row 1, accuracy of me/0"),
    ],
)
def test_shares_that_are_no_percents_are_refused_with_the_row(
    tmp_path: Path, cells: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "mine.csv"
    rows = "".join(f"me/{i},{cell}\n" for i, cell in enumerate(cells))
    file.write_text(f"repo_id,value\n{rows}")
    with pytest.raises(SourceError, match=says):
        any_csv(str(file), {}, {"dataset": "d", "metric": "accuracy"})
    losses = any_csv(str(file), {}, {"dataset": "d", "metric": "eval_loss"})
    assert len(losses) == sum(map(bool, cells)), "other metrics have units of their own"


def test_one_percent_among_others_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("repo_id,value\nme/a,0.75\nme/b,81\nme/c,0.2%\n")
    found = any_csv(str(tmp_path / "mine.csv"), {}, {"dataset": "d", "metric": "accuracy"})
    assert [accuracy.value for accuracy in found] == [0.75, 81.0, 0.2]


def test_disagreement_is_listed_and_one_number_is_picked(tmp_path: Path) -> None:
    def told(value: float, source: str) -> Accuracy:
        return Accuracy(
            repo_id="timm/a", dataset="imagenet-1k", metric="accuracy", value=value, source=source
        )

    store = tmp_path / "store"
    append(store, [told(70.0, "card"), told(71.0, "timm-csv"), told(70.9, "torchvision")])
    (row,) = open_store(store).run("accuracy-disagreements").to_pylist()
    assert row["difference"] == pytest.approx(1)
    assert (row["lowest_source"], row["highest_source"]) == ("card", "timm-csv")
    assert row["picked_source"] == "timm-csv"
    append(store, [told(70.8, "card")])
    assert open_store(store).run("accuracy-disagreements").num_rows == 0
