"""Numbers computed elsewhere become models like any other."""

import json
import re
import warnings
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
import torch

from tests.support.command import zoo
from zoo_analysis.errors import SourceError
from zoo_analysis.imports.commit import import_tables
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.integrity import check

TABLE = """model,series,dataset,top1_error,alpha,log_norm,colour
a,s,digits,30,3.0,1.0,red
b,s,digits,20,2.5,,blue
c,s,digits,10,,3.0,green
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def written(folder: Path, text: str, name: str = "paper.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_averages_without_layers_are_summaries_and_errors_are_accuracies(
    store: Store, tmp_path: Path
) -> None:
    done = import_tables(store, [written(tmp_path, TABLE)])
    assert (done.models, done.known, done.layers, done.accuracies) == (3, 0, 0, 3)
    assert (done.methods, done.ignored) == (("imported:paper",), ("colour",))
    rows = store.run(
        "SELECT repo_id, method, series, layers, alpha, log_norm, mp_softrank FROM summaries "
        "ORDER BY repo_id"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("a", "imported:paper", "s", 0, 3.0, 1.0, None),
        ("b", "imported:paper", "s", 0, 2.5, None, None),
        ("c", "imported:paper", "s", 0, None, 3.0, None),
    ]
    told = store.run("SELECT repo_id, metric, value, source FROM accuracy ORDER BY 1").to_pylist()
    assert [tuple(row.values()) for row in told] == [
        (name, "accuracy", value, "paper.csv")
        for name, value in zip("abc", (70, 80, 90), strict=True)
    ]
    assert check(store).problems == ()
    values = store.run("SELECT repo_id, value FROM metric_values WHERE metric = 'alpha'")
    assert values.num_rows == 2


def test_importing_twice_adds_nothing_and_a_changed_number_is_a_revision(
    store: Store, tmp_path: Path
) -> None:
    path = written(tmp_path, TABLE)
    import_tables(store, [path])
    again = import_tables(store, [path])
    assert (again.models, again.known) == (0, 3)
    assert store.run("SELECT * FROM raw.accuracies").num_rows == 3
    changed = import_tables(store, [written(tmp_path, TABLE.replace("3.0,1.0", "3.5,1.0"))])
    assert (changed.models, changed.known) == (1, 2)
    assert store.run("SELECT * FROM summaries WHERE repo_id = 'a'").num_rows == 2
    assert store.run("SELECT * FROM scans").num_rows == 2


def test_columns_of_other_names_are_mapped(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"net": ["x"], "acc": [71.5], "a-hat": [3.0]}).to_parquet(path)
    done = import_tables(
        store,
        [path],
        mapping={"net": "model", "acc": "top1", "a-hat": "alpha"},
        series="s",
        dataset="d",
        method="elsewhere",
    )
    assert done.methods == ("imported:elsewhere",)
    (row,) = store.run("SELECT * FROM summaries JOIN accuracy USING (repo_id)").to_pylist()
    assert (row["series"], row["alpha"], row["dataset"], row["value"]) == ("s", 3.0, "d", 71.5)


def test_accuracies_alone_make_no_model(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, "model,top1,top5\nx,71,90\n")
    done = import_tables(store, [path], dataset="d")
    assert (done.models, done.accuracies) == (0, 2)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("model,alpha\n", {}, "no rows"),
        ("", {}, "not a table"),
        ("net,alpha\nx,3\n", {}, "no column model: name it with `mapping` COLUMN=model"),
        ("model,alfa\nx,3\n", {}, "neither a metric"),
        ("model,top1\nx,71\n", {}, "on no data set: add a column dataset, or say `dataset`"),
        ("model,alpha\nx,three\n", {}, "row 1, column alpha: 'three' is not a number"),
        ("model,alpha\n,3\n", {}, "row 1 has no model"),
        ("model,alpha\nx,3\nx,4\n", {}, "x has two rows with different metrics"),
        ("model,a\nx,3\n", {"mapping": {"b": "alpha"}}, "no column 'b'"),
        ("model,a\nx,3\n", {"mapping": {"a": "alpa"}}, "'alpa' is unknown; did you mean alpha"),
        ("model,a\nx,3\n", {"weightwatcher": True}, "leave out `weightwatcher`"),
    ],
)
def test_what_is_no_metric_table_is_refused(
    store: Store, tmp_path: Path, text: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SourceError) as refused:
        import_tables(store, [written(tmp_path, text)], **options)  # type: ignore[arg-type]
    assert message in str(refused.value)
    assert not (tmp_path / "store").exists()


@pytest.fixture(scope="module")
def watched() -> tuple[pd.DataFrame, dict[str, float]]:
    """WeightWatcher's own details and summary of a small network."""
    weightwatcher = pytest.importorskip("weightwatcher")
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 128), torch.nn.Linear(128, 100), torch.nn.Linear(100, 60)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        watcher = weightwatcher.WeightWatcher(model=model)
        details = watcher.analyze()
        return details, {k: float(v) for k, v in watcher.get_summary(details).items()}


def test_weightwatchers_details_are_layers_and_average_to_its_summary(
    store: Store, tmp_path: Path, watched: tuple[pd.DataFrame, dict[str, float]]
) -> None:
    details, summary = watched
    details.to_csv(tmp_path / "net_details.csv", index=False)
    done = import_tables(store, [tmp_path / "net_details.csv"], weightwatcher=True, series="s")
    assert (done.models, done.layers, done.methods) == (1, 3, ("imported:weightwatcher",))
    (row,) = store.run("SELECT * FROM summaries").to_pylist()
    assert (row["repo_id"], row["layers"], row["series"]) == ("net", 3, "s")
    for metric, value in summary.items():
        assert row[metric] == pytest.approx(value), metric
    layers = store.run("SELECT * FROM layers ORDER BY depth").to_pandas()
    for column in ("alpha", "D", "sigma", "xmin", "lambda_max", "stable_rank", "N", "M"):
        assert layers[column].tolist() == pytest.approx(details[column].tolist()), column
    assert layers["kind"].tolist() == ["linear"] * 3
    assert check(store).problems == ()


@pytest.mark.parametrize("tall", [False, True])
def test_weightwatchers_summary_is_a_model_without_layers(
    store: Store, tmp_path: Path, watched: tuple[pd.DataFrame, dict[str, float]], tall: bool
) -> None:
    _, summary = watched
    path = tmp_path / "net_summary.csv"
    if tall:
        pd.Series(summary).to_csv(path)
    else:
        pd.DataFrame([summary]).to_csv(path)
    import_tables(store, [path], weightwatcher=True)
    (row,) = store.run("SELECT * FROM summaries").to_pylist()
    assert row["repo_id"] == "net"
    assert row["alpha"] == pytest.approx(summary["alpha"])
    assert row["log_norm"] == pytest.approx(summary["log_norm"])


#: Columns of WeightWatcher 0.2.7's details, as the authors of the 2021 paper published them.
EARLY = [
    *("layer_id", "layer_type", "N", "M", "level", "comment", "check", "checkTF", "norm"),
    *("log_norm", "normX", "lognormX", "alpha", "alpha_weighted", "spectral_norm"),
    *("log_spectral_norm", "stable_rank", "log_stable_rank", "softranklogratio", "sigma_mp"),
    *("numofSpikes", "ratio_numofSpikes", "mp_softrank", "log_alpha_norm", "NxM"),
]


def early(path: Path) -> None:
    """Two layers: a convolution of two slices, and a dense one, which is its own slice."""
    rows = [
        (1, "CONV2D", "SLICE", 1.0, 2.0),
        (1, "CONV2D", "SLICE", 3.0, 4.0),
        (1, "CONV2D", "LAYER", 2.0, 3.0),
        (5, "DENSE", "SLICE", 7.0, 6.0),
        (5, "DENSE", "LAYER", 7.0, 6.0),
    ]
    table = pd.DataFrame(
        [
            {"layer_id": i, "layer_type": kind, "level": f"LEVEL.{level}", "N": 64, "M": 32}
            | {"log_norm": norm, "alpha": alpha, "spectral_norm": 10.0, "mp_softrank": 0.5}
            for i, kind, level, norm, alpha in rows
        ],
        columns=EARLY,
    )
    table.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("level", "layers", "log_norm", "left"),
    [("layer", 2, 4.5, "3 rows of level slice"), ("slice", 3, 11 / 3, "2 rows of level layer")],
)
def test_an_early_table_is_read_by_its_layers_or_by_its_slices(
    store: Store,
    tmp_path: Path,
    level: Literal["layer", "slice"],
    layers: int,
    log_norm: float,
    left: str,
) -> None:
    early(tmp_path / "vgg.csv")
    done = import_tables(store, [tmp_path / "vgg.csv"], weightwatcher=True, level=level)
    assert (done.layers, left in done.ignored) == (layers, True)
    (row,) = store.run("SELECT * FROM summaries").to_pylist()
    assert row["log_norm"] == pytest.approx(log_norm)
    assert row["method"] == "imported:weightwatcher" + ("-slices" if level == "slice" else "")
    read = store.run("SELECT * FROM layers ORDER BY depth").to_pylist()
    assert {each["kind"] for each in read} == {"conv2d", "linear"}
    assert [each["lambda_max"] for each in read] == [10.0] * layers
    assert len({each["layer"] for each in read}) == layers
    assert check(store).problems == ()


def test_an_early_summary_is_a_printed_dict_with_the_names_of_then(
    store: Store, tmp_path: Path
) -> None:
    then = {"lognorm": 1.25, "logspectralnorm": 1.38, "alpha": 2.57, "alpha_weighted": 3.42}
    then |= {"logpnorm": 3.88, "softrank": 17.9, "softrank_mp": 0.149, "checkTF": 0.7}
    (tmp_path / "vgg11.txt").write_text(str(then))
    import_tables(store, [tmp_path / "vgg11.txt"], weightwatcher=True)
    (row,) = store.run("SELECT * FROM summaries").to_pylist()
    names = ("log_norm", "log_spectral_norm", "alpha", "alpha_weighted", "log_alpha_norm")
    told = [row[name] for name in (*names, "stable_rank", "mp_softrank")]
    assert told == [1.25, 1.38, 2.57, 3.42, 3.88, 17.9, 0.149]


@pytest.mark.parametrize("text", ["", "[1]", "{'a': 'b'}", "{" * 500, "__import__('os')", "\xff"])
def test_a_text_that_is_no_summary_is_refused(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.txt").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match="no summary"):
        import_tables(store, [tmp_path / "x.txt"], weightwatcher=True)


def test_later_tables_have_no_slices_to_choose(
    store: Store, tmp_path: Path, watched: tuple[pd.DataFrame, dict[str, float]]
) -> None:
    watched[0].to_csv(tmp_path / "net.csv", index=False)
    with pytest.raises(SourceError, match="no rows of slices"):
        import_tables(store, [tmp_path / "net.csv"], weightwatcher=True, level="slice")


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    path, store = written(tmp_path, TABLE), tmp_path / "store"
    told = zoo("import", path, "--store", store)
    assert told.code == 0, told.err
    assert told.out.startswith("3 models imported, 0 there already; 0 layers, 3 accuracies")
    assert "not used: colour" in told.out
    again = json.loads(zoo("import", path, "--store", store, "--json").out)
    assert (again["models"], again["known"], again["methods"]) == (0, 3, ["imported:paper"])
    assert "is not COLUMN=NAME" in zoo("import", path, "--store", store, "--map", "alpha").err
    assert "no file" in zoo("import", tmp_path / "nothing.csv", "--store", store).err


@pytest.mark.parametrize(
    ("column", "cells", "says"),
    [
        ("top1", "0.762,0.774", "row 1: 0.762"),
        ("top1_error", "0.238,0.226", "row 1: 0.238"),
        ("top5", ",1.0", "row 2: 1"),
        ("accuracy", "76.2,1013", "row 2, accuracy of m1: 1013"),
        ("top5_error", "-3,20", "row 1, top5_error of m0: -3"),
    ],
)
def test_percents_that_are_fractions_or_out_of_range_are_refused_with_the_row(
    store: Store, tmp_path: Path, column: str, cells: str, says: str
) -> None:
    lines = [f"m{i},digits,{cell}" for i, cell in enumerate(cells.split(","))]
    table = "\n".join([f"model,dataset,{column}", *lines])
    with pytest.raises(SourceError, match=re.escape(says)):
        import_tables(store, [written(tmp_path, table)])


def test_one_percent_among_others_is_a_percent(store: Store, tmp_path: Path) -> None:
    table = "model,dataset,top1\na,digits,0.5\nb,digits,71.5\n"
    import_tables(store, [written(tmp_path, table)])
    told = store.run("SELECT value FROM accuracies ORDER BY 1").to_pylist()
    assert [row["value"] for row in told] == [0.5, 71.5]


NAMED = ["007", "1e5", "True", "NA", "null", "nan", "None", "-", "1.50", "0x1F", "2024-01-01"]


def test_models_are_called_what_the_table_calls_them(store: Store, tmp_path: Path) -> None:
    rows = "".join(f"{name},NA,digits,70.5,2.{i}\n" for i, name in enumerate(NAMED))
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"name ,series,dataset,top1,alpha\n{rows}".encode())
    import_tables(store, [path], mapping={"name": "model"}, series="s")
    told = store.run("SELECT repo_id, series FROM models").to_pylist()
    assert {row["repo_id"] for row in told} == set(NAMED)
    assert {row["series"] for row in told} == {"s"}
