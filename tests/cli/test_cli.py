"""The commands as a user meets them."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.main import get_command

from tests.support.command import zoo
from zoo_analysis.cli.app import app
from zoo_analysis.spectra import Method
from zoo_analysis.studies.trends import authors_files

ROOT = Path(__file__).parents[2]
CARD = """---
license: mit
model-index:
- name: m
  results:
  - task: {{type: image-classification}}
    dataset: {{name: Digits, type: digits}}
    metrics: [{{type: accuracy, value: {value}}}]
---
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of four good models and a truncated one, scanned into ./zoo-store."""
    place = tmp_path_factory.mktemp("cli")
    generator = torch.Generator().manual_seed(0)
    for i in range(4):
        home = place / "tree" / f"model-{i}"
        home.mkdir(parents=True)
        weights = {
            "fc1.weight": torch.randn(64, 32, generator=generator) * (1 + i),
            "fc2.weight": torch.randn(40, 64, generator=generator),
        }
        save_file(weights, home / "model.safetensors")
        (home / "README.md").write_text(CARD.format(value=0.7 + 0.05 * i))
    broken = place / "tree" / "broken"
    broken.mkdir()
    whole = (place / "tree" / "model-0" / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[:-10])
    run = zoo("scan", "tree", "--json", cwd=place)
    assert run.code == 3, run.err
    summary = json.loads(run.out)
    assert (summary["scanned"], summary["failed"], summary["layers"]) == (4, 1, 8)
    assert summary["failures"][0]["repo_id"] == "tree/broken"
    assert summary["store"] == str(place / "zoo-store")
    return place


def test_a_scan_ends_in_what_it_found_and_the_next_command(place: Path, tmp_path: Path) -> None:
    told = zoo("scan", place / "tree" / "model-0", "--store", tmp_path / "store")
    assert told.code == 0, told.err
    assert "0 of 1 models look random" in told.out, "two layers are too few to say so"
    assert told.out.rstrip().endswith(f"next: zoo show tree/model-0 --store {tmp_path / 'store'}")
    again = zoo("scan", place / "tree" / "model-0", "--store", tmp_path / "store")
    assert "next:" not in again.out, "nothing was scanned"


def test_a_second_scan_skips_what_is_there(place: Path) -> None:
    run = zoo("scan", "tree/model-0", "tree/model-1", cwd=place)
    assert run.code == 0, run.err
    assert run.out.startswith("0 scanned, 2 skipped")
    assert "\x1b" not in run.out + run.err, "colour off a terminal"


def test_sql_comes_back_in_every_format(place: Path, tmp_path: Path) -> None:
    sql = "SELECT repo_id, layers, alpha FROM summaries ORDER BY repo_id"
    as_json = json.loads(zoo("query", sql, "--format", "json", cwd=place).out)
    assert [row["repo_id"] for row in as_json] == [f"tree/model-{i}" for i in range(4)]
    as_csv = list(csv.DictReader(io.StringIO(zoo("query", sql, "-f", "csv", cwd=place).out)))
    assert [float(row["alpha"]) for row in as_csv] == [row["alpha"] for row in as_json]
    file = tmp_path / "out.parquet"
    assert zoo("query", sql, "-f", "parquet", "-o", file, cwd=place).code == 0
    assert file.read_bytes()[:4] == b"PAR1"
    assert "| tree/model-0" in zoo("query", sql, "-f", "markdown", cwd=place).out
    assert "tree/model-3" in zoo("query", sql, cwd=place).out


def test_reported_accuracies_flow_in_from_the_cards(place: Path) -> None:
    run = zoo("query", "SELECT value FROM accuracy ORDER BY repo_id", "-f", "json", cwd=place)
    assert [round(row["value"], 6) for row in json.loads(run.out)] == [70, 75, 80, 85]


def test_regress_is_the_line_through_models_and_accuracies(place: Path) -> None:
    run = zoo("regress", "--metric", "log_norm", "--by", "none", "-f", "json", cwd=place)
    (row,) = json.loads(run.out)
    assert (row["n"], row["dataset"], row["metric"]) == (4, "digits", "log_norm")
    assert row["slope"] > 0
    assert row["kendall_tau"] == pytest.approx(1)


def test_show_takes_a_part_of_a_name(place: Path) -> None:
    run = zoo("show", "model-2", cwd=place)
    assert run.code == 0, run.err
    assert "tree/model-2" in run.out
    assert "fc1" in run.out
    assert "digits" in run.out
    shown = json.loads(zoo("show", "model-2", "--json", cwd=place).out)
    assert [layer["layer"] for layer in shown["layers"]] == ["fc1", "fc2"]
    assert shown["accuracies"][0]["value"] == pytest.approx(80)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan", "no-such"], "no file, directory or catalogue is called 'no-such'"),
        (["scan", "packagd:demo"], "packagd:demo"),
        (["query", "SELEC 1"], "syntax error"),
        (["query", "DROP TABLE layers"], "SELECT"),
        (["query", "COPY layers TO 'x.csv'"], "SELECT"),
        (["query", "leaderbord"], "did you mean leaderboard"),
        (["query", "leaderboard", "-p", "metric"], "-p metric=VALUE"),
        (["query", "leaderboard", "-p", "metrc=alpha"], "metrc"),
        (["query", "SELECT 1 AS a", "-f", "parquet"], "-o"),
        (["regress", "--metric", "alpa"], "did you mean alpha"),
        (["regress", "--dataset", "digit"], "did you mean digits"),
        (["show", "model"], "fits 4 models"),
        (["show", "modl-1"], "did you mean tree/model-1"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_the_remedy(
    place: Path, arguments: list[str], message: str
) -> None:
    run = zoo(*arguments, cwd=place)
    assert run.code == 2
    assert run.out == ""
    assert len(run.err.strip().splitlines()) == 1, run.err
    assert run.err.startswith("zoo: ")
    assert message in run.err


def test_between_two_tables_there_is_a_blank_line(place: Path) -> None:
    for command in (("show", "model-1"), ("compare", "tree/model-0", "tree/model-1")):
        shown = zoo(*command, cwd=place, width=80).out
        blocks = [block.splitlines() for block in shown.split("\n\n")]
        rules = [sum(set(line) == {"─"} for line in block) for block in blocks]
        assert sum(rules) > 1
        assert max(rules) == 1


def test_a_study_offline_says_which_option_names_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(authors_files, "FILES", {"df_all.csv": "http://127.0.0.1:9/df_all.csv"})
    told = zoo("catalog", "osmr-2021", tmp_path)
    assert told.code == 2
    assert "put df_all.csv and imgclsmob.md" in told.err
    assert "give it as --data" in told.err


def test_a_table_of_metrics_is_no_model_and_is_imported_instead(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("model,alpha\nnet,3.5\n")
    run = zoo("scan", "mine.csv", cwd=tmp_path)
    assert run.code == 3
    assert "a table of metrics is imported: zoo import mine.csv" in run.out
    assert zoo("import", "mine.csv", cwd=tmp_path).code == 0


@pytest.mark.parametrize("command", ["status", "retry"])
def test_what_watches_runs_says_where_there_is_no_store(command: str, tmp_path: Path) -> None:
    told = zoo(command, cwd=tmp_path)
    assert told.code == 2
    assert told.err.startswith(f"zoo: no store at {tmp_path / 'zoo-store'}: `zoo scan SOURCE`")


def test_no_store_is_said_so(tmp_path: Path) -> None:
    run = zoo("query", "SELECT 1", cwd=tmp_path)
    assert run.code == 2
    assert "zoo scan" in run.err
    assert list(tmp_path.iterdir()) == [], "asking must not create a store"


def test_an_unknown_option_is_wrong_usage(tmp_path: Path) -> None:
    assert zoo("scan", "--conv2d", "cube", "x", cwd=tmp_path).code == 2


def test_every_command_is_documented_and_has_help() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        assert re.search(rf"zoo {name}\b", readme), f"README does not mention zoo {name}"
        for param in command.params:
            assert param.help if hasattr(param, "help") else True, f"{name} {param.name}"


def test_a_plan_takes_every_option_of_the_method_that_a_scan_takes() -> None:
    choices = {field.name for field in fields(Method)}
    scan, plan = (
        {
            param.name: (param.opts, param.type_descriptor.annotation, param.help, param.default)
            for param in command.params
            if param.name in choices
        }
        for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
        if name in ("scan", "plan")
    )
    assert {"preset", "conv2d", "dtype", "randomize", "split_qkv", "max_fingers"} <= set(scan)
    assert plan == scan


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_what_needs_no_table_loads_no_library_of_tables(argument: str) -> None:
    heavy = {"numpy", "pyarrow", "duckdb", "deltalake", "pandas", "torch", "ray"}
    code = (
        "import atexit, sys; from zoo_analysis.cli import main; "
        f"atexit.register(lambda: print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)); "
        f"main([{argument!r}])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.strip().splitlines()[-1] == "[]"


#: What the commands may need and these do not.
HEAVY = ("torch", "ray", "transformers", "timm", "pandas", "scipy", "sklearn", "statsmodels")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["scan", "--help"],
        ["queries"],
        ["query", "SELECT 1 AS one"],
        ["query", "leaderboard"],
        ["show", "model-0"],
        ["measures"],
        ["studies"],
        ["catalog", "list"],
        ["accuracies", "show"],
        ["store", "history"],
    ],
    ids=" ".join,
)
def test_asking_starts_without_torch_and_ray(arguments: list[str], place: Path) -> None:
    code = (
        "import atexit, sys; from zoo_analysis.cli import main; "
        f"atexit.register(lambda: print("
        f"sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)); main({arguments!r})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=place
    )
    assert run.stderr.strip().splitlines()[-1] == "[]"


def test_a_question_that_is_asked_as_a_command_is_told_so() -> None:
    told = zoo("leaderboard", "-p", "limit=3")
    assert (told.code, told.out) == (2, "")
    assert told.err == "zoo: 'leaderboard' is no command but a question: zoo query leaderboard\n"
    assert "No such command 'xyzzy'" in zoo("xyzzy").err
