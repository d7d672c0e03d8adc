"""One pair of switches says how results are printed, in every command that prints some."""

import ast
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.main import get_command

import zoo_analysis
from tests.support.command import zoo
from zoo_analysis.cli.app import app
from zoo_analysis.cli.printing.switches import SUFFIXES, chosen_format
from zoo_analysis.errors import ZooError

#: What these print is no result: they write into a catalogue or pages, and tell a story.
NONE = {"catalog add", "catalog osmr-2021", "demo", "report"}
#: These write pictures, whose formats are their own.
PICTURES = "plot "


def commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from commands(below, f"{path} {name}".strip())


@pytest.mark.parametrize(("name", "command"), list(commands(get_command(app))))
def test_every_command_has_the_same_switches(name: str, command: Any) -> None:
    if name not in NONE and not name.startswith(PICTURES):
        options = [{*param.opts} for param in command.params]
        for switch in ({"--format", "-f"}, {"--output", "-o"}, {"--json"}):
            assert switch in options, f"zoo {name} has no {switch}"


def test_the_suffix_of_a_file_says_how_it_is_written(tmp_path: Path) -> None:
    made = {suffix: tmp_path / f"x{suffix}" for suffix in SUFFIXES}
    for file in made.values():
        assert zoo("catalog", "list", "-o", file).code == 0
    names = pq.read_table(made[".parquet"])["name"].to_pylist()
    assert "packaged" in names
    with made[".csv"].open() as stream:
        assert [row["name"] for row in csv.DictReader(stream)] == names
    assert [row["name"] for row in json.loads(made[".json"].read_text())] == names
    for lines in (made[".jsonl"], made[".ndjson"]):
        assert [json.loads(line)["name"] for line in lines.read_text().splitlines()] == names
    assert made[".md"].read_text().startswith("| name |")
    assert made[".txt"].read_text().lstrip().startswith("without a value: file")


def test_json_is_one_word_for_the_format() -> None:
    assert zoo("catalog", "list", "--json").out == zoo("catalog", "list", "-f", "json").out
    refused = zoo("catalog", "list", "--json", "-f", "csv")
    assert (refused.code, refused.out) == (2, "")
    assert "--json is -f json" in refused.err


@pytest.mark.parametrize(
    ("format", "file", "chosen"),
    [
        (None, None, "table"),
        (None, "x.CSV", "csv"),
        ("vertical", "x.txt", "vertical"),
        ("csv", "x.dat", "csv"),
        ("csv", "x", "csv"),
    ],
)
def test_what_is_named_goes_before_the_suffix(format: Any, file: str | None, chosen: str) -> None:
    assert chosen_format(format, Path(file) if file else None) == chosen


def test_a_suffix_goes_before_what_is_usual() -> None:
    assert chosen_format(None, Path("x.csv"), "json") == "csv"
    assert chosen_format(None, None, "json") == "json"


def test_a_file_that_says_nothing_or_something_else_is_refused(tmp_path: Path) -> None:
    run = zoo("catalog", "list", "-o", tmp_path / "x.xyz")
    assert run.code == 2
    assert ".xyz says no format; use .txt, .csv, .json" in run.err
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZooError, match="a name without suffix says no format"):
        chosen_format(None, Path("out"))
    with pytest.raises(ZooError, match=r"x.parquet is parquet by its suffix, and -f says csv"):
        chosen_format("csv", Path("x.parquet"))


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["query", "layer-matches"], "use --param NAME=VALUE"),
        (["regress", "--keep", "--mixed"], "--keep keeps plain regressions: leave out --mixed"),
        (["track", "none.toml", "--since", "then"], "--since 'then': write 7d"),
        (["query", "SELECT 1", "--store", "none"], "--store or ZOO_STORE names another"),
    ],
)
def test_what_a_function_calls_a_parameter_the_command_line_calls_an_option(
    arguments: list[str], called: str, tmp_path: Path
) -> None:
    run = zoo(*arguments, cwd=tmp_path)
    assert run.code == 2
    assert called in run.err


def test_errors_of_functions_speak_of_no_options() -> None:
    package = Path(zoo_analysis.__file__).parent
    option = re.compile(r"(^|[\s(;])--(?!no-deps)[a-z][a-z-]+|(^|\s)-p ")
    for file in sorted(package.rglob("*.py")):
        if file.relative_to(package).parts[0] == "cli":
            continue
        raised = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Raise)]
        texts = [n.value for r in raised for n in ast.walk(r) if isinstance(n, ast.Constant)]
        assert not [t for t in texts if isinstance(t, str) and option.search(t)], file
