"""Printed tables of Martin, Peng & Mahoney 2021 against the data that their authors published."""

import csv
import json
import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import kendalltau

from tests.support.reference import NATURE_2021, VGG_2020
from zoo_analysis.errors import SourceError
from zoo_analysis.store.records import table_of
from zoo_analysis.studies.at_hand import published_fits
from zoo_analysis.studies.nature_2021 import judged, run
from zoo_analysis.studies.study import Setting
from zoo_analysis.studies.trends.authors_files import FILES, fetch_all
from zoo_analysis.studies.trends.lead import Families, Lead
from zoo_analysis.studies.trends.printed_cells import (
    OUTLIERS,
    Cell,
    agree,
    beside,
    families,
    large_scale_cells,
)
from zoo_analysis.studies.trends.published import (
    METRICS,
    SERIES_METRICS,
    STATISTICS,
    large_scale,
    table_1,
)
from zoo_analysis.studies.trends.published_models import (
    PublishedModel,
    checksum,
    published_models,
    reported_errors,
)
from zoo_analysis.studies.trends.series import series_cells


@pytest.fixture(scope="module")
def data() -> Path:
    if not NATURE_2021.exists():
        pytest.skip("no reference beside the checkout")
    return NATURE_2021


@pytest.fixture(scope="module")
def models(data: Path) -> list[PublishedModel]:
    return published_models(data)


def test_the_tables_have_27_families_and_three_statistics_of_four_metrics() -> None:
    printed = large_scale()
    assert len(printed) == 27 * 4 * 3
    assert len({p[:4] for p in printed}) == len(printed)
    assert Counter(p.statistic for p in printed) == dict.fromkeys(STATISTICS, 108)


def test_printed_rmse_and_r2_are_those_of_the_reference(data: Path) -> None:
    with (data / "published.csv").open() as file:
        expected = {
            (r["dataset"], r["family"], r["metric"], r["statistic"]): float(r["published"])
            for r in csv.DictReader(file)
        }
    printed = {p[:4]: float(p.text) for p in large_scale() if p.statistic != "kendall_tau"}
    assert printed == expected


def test_every_printed_figure_comes_out_to_its_last_digit(models: list[PublishedModel]) -> None:
    assert agree(large_scale_cells(models), large_scale()) == 324


def test_only_imagenets_resnets_disagree_with_the_notebooks_own_outliers(
    models: list[PublishedModel],
) -> None:
    cells = large_scale_cells(models, OUTLIERS)
    digits = {p[:4]: len(p.text.partition(".")[2]) for p in large_scale()}
    wrong = [c for c in cells if round(c.recomputed, digits[c.key]) != c.published]
    assert {(c.dataset, c.family) for c in wrong} == {("imagenet-1k", "ResNet")}


def test_a_figure_is_what_statsmodels_and_scipy_make_of_the_models(
    models: list[PublishedModel],
) -> None:
    cells = {c.key: c.recomputed for c in large_scale_cells(models, OUTLIERS)}
    for (dataset, family), members in families(models, OUTLIERS).items():
        y = np.array([m.error for m in members])
        for metric in METRICS:
            x = np.array([getattr(m, metric) for m in members])
            fit = sm.OLS(y, sm.add_constant(x)).fit()
            key = dataset, family, metric
            assert cells[*key, "rmse"] == pytest.approx(math.sqrt(np.mean(fit.resid**2)))
            assert cells[*key, "r2"] == pytest.approx(fit.rsquared)
            assert cells[*key, "kendall_tau"] == pytest.approx(kendalltau(x, y).statistic)


def test_a_changed_number_is_not_the_published_table(
    data: Path, tmp_path: Path, models: list[PublishedModel]
) -> None:
    text = (data / "osmr.csv").read_text()
    (tmp_path / "osmr.csv").write_text(text.replace("17.88", "17.98", 1))
    with pytest.raises(SourceError, match="checksum"):
        published_models(tmp_path)
    other = [replace(models[0], log_norm=models[0].log_norm * 1.001), *models[1:]]
    assert checksum(other) != checksum(models)
    assert checksum(models[::-1]) == checksum(models)


@pytest.mark.parametrize("text", ["", "model,dataset\na,b\n", "\x00"])
def test_a_file_that_is_another_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "osmr.csv").write_text(text)
    with pytest.raises(SourceError, match="not the published tables"):
        published_models(tmp_path)


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no osmr.csv, nor df_all.csv and imgclsmob.md"):
        published_models(tmp_path)


README = """\
- VGG/BN-VGG (['Very Deep'](https://example.org/1))
- ResNet (['Deep Residual'](https://example.org/2))
- SENet/SE-ResNet/SE-PreResNet/SE-ResNeXt (['Squeeze'](https://example.org/3))
- SqueezeNext (['Hardware'](https://example.org/4))

### ImageNet-1K

| Model | Top1 | Top5 | Params | FLOPs/2 | Remarks |
| --- | ---: | ---: | ---: | ---: | --- |
| ResNet-10 | 34.59 | 14.16 | 1 | 1M | x ([log](https://e.org/resnet10-1416-b5d2d4bb.pth.log)) |
| BN-VGG-11b | 29.24 | 9.96 | 1 | 1M | GL ([log](https://e.org/a/bn_vgg11b-0996-ef747edc.pth.log)) |
| 1.0-SqNxt-23 | 42.25 | 1.0 | 1 | 1M | x ([log](https://e.org/sqnxt23_w1-1866-73b700c4.pth.log)) |

### CIFAR-10

| Model | Error, % | Params | FLOPs/2 | Remarks |
| --- | ---: | ---: | ---: | --- |
| SE-ResNet-20 | 6.01 | 1 | 1M | x ([log](https://e.org/seresnet20_cifar10-0601-2f392f05.pth.log)) |

### Pascal VOC2012

| Model | Extractor | Pix.Acc.,% | mIoU,% | Params | FLOPs/2 | Remarks |
| --- | --- | ---: | ---: | ---: | ---: | --- |
| PSPNet | ResNet(D) | 9.0 | 8.4 | 1 | 1M | ([log](https://e.org/p_voc-8144-1a2b3c4d.pth.log)) |
"""


def test_errors_are_read_from_the_table_as_the_notebook_reads_them() -> None:
    found = dict(reported_errors(README))
    told = {name: (e["dataset"], e["family"], e["top1_error"]) for name, e in found.items()}
    assert told == {
        "resnet10": ("imagenet-1k", "ResNet", "34.59"),
        "bn_vgg11b": ("imagenet-1k", "VGG/BN-VGG", "29.24"),
        "sqnxt23_w1": ("imagenet-1k", "SqueezeNext/SqNxt", "42.25"),
        "seresnet20_cifar10": ("cifar-10", "SENet/SE-ResNet/SE-PreResNet/SE-ResNeXt", "6.01"),
    }


def test_both_published_files_are_joined_as_the_reference_joins_them(
    data: Path, models: list[PublishedModel], tmp_path: Path
) -> None:
    theirs = {
        "model": "modelname",
        "log_norm": "lognorm",
        "mean_spectral_norm": "spectralnorm",
        "alpha_weighted": "alpha_weighted",
        "log_alpha_norm": "logpnorm",
    }
    with (data / "osmr.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "df_all.csv").open("w", newline="") as file:
        averages = csv.DictWriter(file, theirs.values())
        averages.writeheader()
        averages.writerows({their: row[our] for our, their in theirs.items()} for row in rows)
    named = dict.fromkeys(row["family"] for row in rows if row["family"])
    plain = {"SqueezeNext/SqNxt": "SqueezeNext", "DIA-ResNet/DIA-PreResNet": "DIA-ResNet"}
    plain["DarkNet Ref/Tiny/19/DarkNet Tiny"] = "DarkNet Ref/Tiny/19"
    lines = [f"- {plain.get(family, family)} (['…'](https://e.org))" for family in named]
    for dataset in dict.fromkeys(row["dataset"] for row in rows if row["dataset"]):
        lines += ["", f"### {dataset.upper()}", "", "| Model | Error, % | Remarks |", "| --- |"]
        for row in rows:
            log = f"([log](https://e.org/{row['model']}-0000-00000000.pth.log))"
            if row["dataset"] == dataset:
                lines.append(f"| {row['title']} | {row['top1_error']} | {log} |")
    (tmp_path / "imgclsmob.md").write_text("\n".join(lines))
    assert sorted(published_models(tmp_path), key=str) == sorted(models, key=str)


def test_files_are_fetched_once_and_kept(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(address: str) -> str:
        asked.append(address)
        return "text"

    folder = fetch_all(tmp_path / "new", fetch)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        Path(name).name for name in FILES
    )
    fetch_all(folder, fetch)
    assert sorted(asked) == sorted(FILES.values())
    assert all(re.search(r"/[0-9a-f]{8}([0-9a-f]{32})?/", address) for address in asked)


def test_without_a_network_the_message_says_how_to_go_on(tmp_path: Path) -> None:
    def fetch(address: str) -> str:
        raise SourceError(f"{address}: cannot be fetched")

    with pytest.raises(SourceError, match="without a network"):
        fetch_all(tmp_path, fetch)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not VGG_2020.exists(), reason="no reference beside the checkout")
def test_table_1_of_vgg_comes_out_of_the_published_averages(tmp_path: Path) -> None:
    with VGG_2020.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        numbers = {n: float(row[n]) for n in row if n.startswith(("log_", "alpha"))}
        (tmp_path / f"{row['model']}.txt").write_text(str(numbers))
    assert not series_cells(tmp_path)  # of the other series nothing is there
    others = {"resnet": (18, 34, 50, 101, 152), "densenet": (121, 161, 169, 201)}
    names = [f"{series}{depth}" for series, depths in others.items() for depth in depths]
    for i, name in enumerate(names):
        numbers = dict.fromkeys(SERIES_METRICS, float(i))
        (tmp_path / f"{name}.txt").write_text(str(numbers))
    cells = [cell for cell in series_cells(tmp_path) if cell.family == "VGG"]
    assert len(cells) == 12
    assert agree(cells, table_1()) == 12


def test_averages_of_gpt2_small_leave_out_its_first_matrix(tmp_path: Path) -> None:
    names = SERIES_METRICS
    lines = [",".join(("layer_id", "level", *names))]
    for layer, value in enumerate((1000.0, 1.0, 2.0)):
        for level in ("LEVEL.SLICE", "LEVEL.LAYER"):
            lines.append(",".join((str(layer), level, *[str(value)] * 4)))
    (tmp_path / "gpt2-small.csv").write_text("\n".join(lines))
    for size in ("medium", "large", "xl"):
        (tmp_path / f"gpt2-{size}.txt").write_text(str(dict.fromkeys(names, 3.0)))
    found = {cell.family: cell.recomputed for cell in series_cells(tmp_path)}
    assert found == {"gpt2-small": 1.5, "gpt2-medium": 3, "gpt2-large": 3, "gpt2-xl": 3}


def test_the_true_means_over_families(models: list[PublishedModel]) -> None:
    means = {
        (e.quantity, e.measure): round(e.value, 2)
        for e in Families(large_scale_cells(models)).means()
    }
    expected = {
        "r2": (0.66, 0.59, 0.68, 0.68),
        "rmse": (1.38, 1.83, 1.24, 1.18),
        "kendall_tau": (0.65, 0.52, 0.64, 0.64),
    }
    for statistic, values in expected.items():
        assert tuple(means[f"mean {statistic}", metric] for metric in METRICS) == values


def lead(metric: str, statistic: str, value: float, p: float) -> Lead:
    return Lead(metric, "log_norm", statistic, value, value - 1, value + 1, p, p)


def test_the_finding_is_seen_where_both_power_law_metrics_are_ahead_in_all() -> None:
    ahead = {"rmse": -1.0, "r2": 0.5, "kendall_tau": 0.5}
    metrics = ("alpha_weighted", "log_alpha_norm")
    sure = [lead(m, s, v, 0.001) for m in metrics for s, v in ahead.items()]
    assert judged(sure)[0]
    assert not judged([replace(x, value=-x.value) for x in sure])[0]
    assert not judged([replace(x, adjusted_p=0.2) for x in sure])[0]
    assert not judged([replace(sure[0], adjusted_p=0.2), *sure[1:]])[0]


def test_a_lead_of_one_metric_everywhere_is_told_from_nothing(
    models: list[PublishedModel],
) -> None:
    better = [
        replace(c, recomputed=c.recomputed + (c.metric == "log_alpha_norm"))
        for c in large_scale_cells(models)
        if c.statistic == "r2"
    ]
    rest = [c for c in large_scale_cells(models) if c.statistic != "r2"]
    found = Families([*rest, *better]).leads()
    sure = {(x.metric, x.over) for x in found if x.statistic == "r2" and x.adjusted_p < 0.05}
    assert sure == {("log_alpha_norm", other) for other in METRICS if other != "log_alpha_norm"}
    assert all(x.adjusted_p >= x.p_value for x in found)


def test_the_study_prints_cells_beside_each_other_and_one_honest_sentence(
    data: Path, tmp_path: Path
) -> None:
    found = run(Setting(tmp_path, seeds=1, data=data))
    assert found.cells is not None
    assert found.cells.column_names == [
        "dataset",
        "family",
        "metric",
        "statistic",
        "published",
        "recomputed",
    ]
    assert len(found.cells) == 324
    assert found.seen is False
    assert "324 of 324" in found.verdict
    assert "cannot be told from nothing" in found.verdict
    assert any("Inferred" in remark for remark in found.remarks)
    json.dumps(found.cells.to_pylist(), allow_nan=False)


def test_the_demonstration_has_the_true_means_where_the_data_are(
    data: Path, tmp_path: Path
) -> None:
    fits, told = published_fits(data)
    assert [fit.metric for fit in fits] == list(METRICS)
    assert [round(fit.r2, 2) for fit in fits] == [0.66, 0.59, 0.68, 0.68]
    assert [round(fit.rmse, 2) for fit in fits] == [1.38, 1.83, 1.24, 1.18]
    assert [round(fit.kendall_tau, 2) for fit in fits] == [0.65, 0.52, 0.64, 0.64]
    assert "cannot be told from nothing" in told
    nothing, how = published_fits(tmp_path)
    assert nothing == []
    assert "zoo study nature-2021" in how


def test_the_statistics_of_a_metric_stand_in_one_row_and_what_differs_is_shown_twice() -> None:
    of = ("imagenet-1k", "VGG", "alpha")
    cells = [
        Cell(*of, "rmse", 0.99, 0.9934),  # the same as printed
        Cell(*of, "r2", 0.76, 0.7012),
        Cell(*of, "kendall_tau", -0.6, float("nan")),
        Cell(*of[:2], "log_norm", "r2", 0.5, 0.5),
    ]
    table = beside(table_of(Cell, cells))
    assert table.column_names == ["dataset", "family", "metric", *STATISTICS]
    rows = table.to_pylist()
    assert [row["metric"] for row in rows] == ["alpha", "log_norm"]
    assert [rows[0][name] for name in STATISTICS] == [
        "0.99",
        "0.76 ≠ 0.70",
        "-0.60 ≠ ?",
    ]
    assert [rows[1][name] for name in STATISTICS] == [None, "0.50", None]
