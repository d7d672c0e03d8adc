"""`zoo regress` from the published table to the refusal of a bad question."""

import json
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.command import zoo
from tests.support.reference import VGG_2020
from tests.support.small_models import model_rows
from zoo_analysis.answers import regressions
from zoo_analysis.answers.mixed import mixed_table
from zoo_analysis.answers.points import Selection
from zoo_analysis.imports.commit import import_tables
from zoo_analysis.stats import regress
from zoo_analysis.store import Store, open_store

FIELDS = [
    *("series", "dataset", "accuracy", "metric", "n", "slope", "slope_se", "intercept", "r2"),
    *("r2_adj", "rmse", "rmse_loo", "kendall_tau", "kendall_p", "spearman_rho", "r2_low"),
    *("r2_high", "tau_low", "tau_high", "perm_p", "q", "theil_sen", "flags"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three series that rise with alpha pooled and fall within; parameters double every series."""
    folder = tmp_path_factory.mktemp("regress")
    generator = np.random.default_rng(0)
    lines = ["model,series,library,dataset,top1,alpha,log_norm,parameters,stable_rank,erg_gap"]
    for i, series in enumerate("uvw"):
        for j in range(5):
            t = j - 2 + 0.1 * generator.normal()
            accuracy = 40 + 20 * i - 2 * t + 0.2 * generator.normal()
            size = 10 ** (6 + i) * (j + 1)
            library = "timm" if i else "torchvision"
            lines.append(
                f"{series}{j},{series},{library},d,{accuracy},{4 * i + t},{i},{size},,{-t}"
            )
    (folder / "zoo.csv").write_text("\n".join(lines) + "\n")
    (folder / "few.csv").write_text("model,series,dataset,top5,alpha\np,x,d,80,3\nq,x,d,90,2\n")
    store = open_store(folder / "store")
    import_tables(store, [folder / "zoo.csv", folder / "few.csv"])
    return folder / "store"


def test_metrics_told_by_name_are_regressed_where_they_or_all_are_named(place: Path) -> None:
    def asked(*metrics: str) -> set[str]:
        found = regressions.regress(place, metrics, dataset="d", by="none")
        return set(found["metric"].to_pylist())

    assert asked() == {"alpha", "log_norm"}
    assert asked("erg_gap") == {"erg_gap"}
    assert asked("all") == {"alpha", "log_norm", "erg_gap"}
    assert "--metric all" in regressions._command(Selection(("all",)), "none", 3)


@pytest.mark.skipif(not VGG_2020.exists(), reason="no reference figures here")
def test_the_published_regression_of_the_vgg_series(tmp_path: Path) -> None:
    """Table 1 of Martin, Peng & Mahoney 2021, through import and regress."""
    store = tmp_path / "store"
    assert zoo("import", VGG_2020, "--store", store).code == 0
    told = zoo(
        *("regress", "--dataset", "imagenet-1k", "--accuracy", "top1"),
        *("--by", "series", "--format", "json", "--store", store),
    )
    rows = {row["metric"]: row for row in json.loads(told.out)}
    published = {
        "log_norm": (0.56, 0.88, -0.79),
        "log_spectral_norm": (0.23, 0.98, -0.93),
        "alpha_weighted": (0.48, 0.92, -0.93),
        "log_alpha_norm": (0.34, 0.96, -0.93),
    }
    for metric, figures in published.items():
        row = rows[metric]
        assert (row["series"], row["n"], row["method"]) == ("vgg", 8, "imported:vgg-2020")
        found = (round(row["rmse"], 2), round(row["r2"], 2), round(row["kendall_tau"], 2))
        assert found == figures, metric


def test_machine_formats_name_the_promised_fields_in_order(place: Path) -> None:
    rows = json.loads(zoo("regress", "--store", place, "-f", "json").out)
    assert list(rows[0])[: len(FIELDS)] == FIELDS
    assert set(rows[0]) - set(FIELDS) == {
        "method",
        "spearman_p",
        "r2_bca_low",
        "r2_bca_high",
    }
    header = zoo("regress", "--store", place, "-f", "csv").out.splitlines()[0]
    assert header.split(",")[: len(FIELDS)] == FIELDS


def test_a_row_is_the_function_on_its_models(place: Path) -> None:
    store = open_store(place)
    rows = regressions.regress(store, ("alpha",), "d", "series").to_pylist()
    assert [row["series"] for row in rows] == ["u", "v", "w"]
    points = store.run(
        "SELECT repo_id, alpha, value FROM summaries JOIN accuracy USING (repo_id) "
        "WHERE series = 'v' ORDER BY repo_id"
    ).to_pandas()
    fit = regress(points["alpha"], points["value"], list(points["repo_id"]))
    assert rows[1]["rmse_loo"] == fit.rmse_loo
    assert (rows[1]["tau_low"] is None) == np.isnan(fit.tau_low)
    assert rows[1]["r2_low"] == fit.r2_low
    assert rows[1]["flags"] == "; ".join(fit.flags)
    assert [row["q"] >= row["perm_p"] for row in rows] == [True] * 3


def test_groups_conditions_and_sizes(place: Path) -> None:
    store = open_store(place)

    def sizes(**options: object) -> list[tuple[object, int]]:
        rows = regressions.regress(store, ("alpha",), accuracy="top1", **options)  # type: ignore[arg-type]
        return [(row["series"], row["n"]) for row in rows.to_pylist()]

    assert sizes(by="none") == [(None, 15)]
    assert sizes(by="library") == [("timm", 10), ("torchvision", 5)]
    assert sizes(by="none", where="parameters < 1e7") == [(None, 5)]
    assert sizes(by="none", where="series <> 'u' -- comment") == [(None, 10)]
    few = regressions.regress(store, ("alpha",), accuracy="top5", by="series", min_models=2)
    (row,) = few.to_pylist()
    assert (row["n"], row["slope"], row["slope_se"]) == (2, pytest.approx(-10), None)
    assert row["flags"].startswith("n<5")


def test_top1_and_accuracy_are_one_kind_called_as_it_was_asked_for(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    (tmp_path / "t.csv").write_text("model,alpha,top1\na,1,70\nb,2,65\nc,3,61\nd,4,50\n")
    import_tables(store, [tmp_path / "t.csv"], dataset="d")
    also = {"repo_id": "a", "dataset": "d", "metric": "top1", "value": 70.1, "source": "x"}
    store.append("accuracies", pa.Table.from_pylist([also]))
    for name in ("top1", "accuracy"):
        (row,) = regressions.regress(store, ("alpha",), by="none", accuracy=name).to_pylist()
        assert (row["accuracy"], row["n"]) == (name, 4)


def test_a_constant_metric_is_said_so(place: Path) -> None:
    (row, *_) = regressions.regress(open_store(place), ("log_norm",), "d", "series").to_pylist()
    assert (row["slope"], row["perm_p"], row["q"]) == (None, None, None)
    assert row["flags"] == "constant metric"


def test_models_measured_in_part_are_counted(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    shares = (1.0, 0.5, 0.89, 0.95, None)
    models = [
        model_rows(f"lab/m{i}", alphas=(2.0 + i, 3.0), coverage=share)
        for i, share in enumerate(shares)
    ]
    store.commit_models(models, "scan")
    reported = {"dataset": "digits", "metric": "top1", "source": "card"}
    rows = [{"repo_id": f"lab/m{i}", "value": 90.0 - i, **reported} for i in range(5)]
    store.append("accuracies", pa.Table.from_pylist(rows))
    (row,) = regressions.regress(store, "alpha", by="none").to_pylist()
    assert (row["n"], row["flags"].split("; ")[-1]) == (5, "2 of 5 measured in part")


def test_kept_regressions_carry_query_method_and_time(place: Path) -> None:
    told = zoo(
        *("regress", "--metric", "alpha", "--where", "parameters > 5", "--keep"),
        *("--store", place, "-f", "json"),
    )
    assert told.code == 0, told.err
    kept = open_store(place).run("SELECT * FROM regressions ORDER BY series").to_pylist()
    assert [row["series"] for row in kept] == ["u", "v", "w"]
    assert kept[0]["method"] == "imported:zoo"
    assert kept[0]["computed_at"] is not None
    words = shlex.split(kept[0]["query"])
    assert words[:4] == ["zoo", "regress", "--metric", "alpha"]
    again = json.loads(zoo(*words[1:], "--store", place, "-f", "json").out)
    assert [row["r2_low"] for row in again] == [row["r2_low"] for row in kept]


def test_what_is_kept_twice_of_the_same_data_is_there_once(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    table = tmp_path / "t.csv"
    table.write_text("model,alpha,top1\na,1,70\nb,2,65\nc,3,61\nd,4,50\ne,5,40\n")
    import_tables(store, [table], dataset="d")

    def kept(**options: object) -> int:
        regressions.regress(store, "alpha", by="none", keep=True, **options)  # type: ignore[arg-type]
        return len(store.run("SELECT * FROM regressions"))

    assert (kept(), kept()) == (1, 1)
    assert kept(where="repo_id < 'e'") == 2  # another question
    table.write_text("model,alpha,top1\nf,6,30\n")
    import_tables(store, [table], dataset="d")
    assert (kept(), kept()) == (3, 3)  # another version of the store


def test_simpsons_paradox_is_said_in_words_with_the_series_named(place: Path) -> None:
    selection = Selection(("alpha",), accuracy="top1")
    (row,) = mixed_table(open_store(place), selection).to_pylist()
    assert (row["n"], row["series"]) == (15, 3)
    assert row["pooled_slope"] > 0 > row["within_slope"]
    assert row["mixed_slope"] == pytest.approx(-2, abs=0.3)
    assert row["random"]
    assert row["partial_parameters"] is not None
    assert row["partial_depth"] is None, "imported averages have no depth"
    assert row["finding"] == (
        "Simpson's paradox: over all models accuracy rises with alpha, "
        "but within series u, v, w it falls"
    )
    told = zoo("regress", "--mixed", "--metric", "alpha", "--store", place)
    assert "Simpson's paradox" in told.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "alhpa"], "no metric 'alhpa'; did you mean alpha"),
        (["--dataset", "e"], "no dataset 'e'; there are: d"),
        (["--accuracy", "f1"], "no accuracy 'f1'; there are: accuracy, top5"),
        (["--method", "default"], "no method begins with 'default'; there are: imported:few"),
        (["--metric", "stable_rank"], "no group has 4 models with both"),
        (["--min-models", "6"], "the largest has 5: lower --min-models, or pool with --by none"),
        (["--min-models", "6", "--by", "none", "--accuracy", "top5"], "2: lower --min-models\n"),
        (["--min-models", "1"], "min-models is 1: at least 2, for one model makes no line"),
        (["--where", "parameters >"], "syntax error"),
        (["--where", "nosuch = 1"], "nosuch"),
        (["--where", "parameters > 1e15"], "no model with both a metric and an accuracy has"),
        (["--where", "repo_id IN (SELECT content FROM read_text('/etc/passwd'))"], "read_text"),
        (["--where", "true); COPY layers TO 'x.csv'; SELECT (1"], "one SELECT at a time"),
        (["--mixed", "--keep"], "leave out --mixed"),
        (["--mixed", "--min-models", "16"], "varies over 16 models"),
    ],
)
def test_a_bad_question_is_one_line(place: Path, arguments: list[str], message: str) -> None:
    told = zoo("regress", *arguments, "--store", place)
    assert (told.code, told.out) == (2, "")
    assert message in told.err
    assert len(told.err.strip().splitlines()) == 1


def one_sided(folder: Path, text: str) -> Store:
    store = open_store(folder / "store")
    (folder / "t.csv").write_text(text)
    import_tables(store, [folder / "t.csv"])
    return store


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,alpha\nx,3\n", "no reported accuracy of its 1 models"),
        ("model,dataset,top1\nx,d,3\n", "no metrics (but accuracies of 1 models)"),
        ("model,dataset,top1,alpha\nx,d,70,\ny,,,3\n", "but of none both: repo_id must be the"),
    ],
)
def test_no_overlap_says_which_side_is_missing(tmp_path: Path, text: str, message: str) -> None:
    store = one_sided(tmp_path, text)
    told = zoo("regress", "--store", store.uri)
    assert told.code == 2
    assert message in told.err
