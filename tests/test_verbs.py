"""The Python interface is the command line: a function for each command."""

import ast
import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pyarrow as pa
import pytest
from typer.main import get_command

import zoo_analysis
from zoo_analysis.cli.app import app
from zoo_analysis.cluster.placement import device_for
from zoo_analysis.errors import SimilarityError, SourceError, ZooError

#: Commands that cannot be called as their function is.
NAMES = {
    "accuracies show": "accuracies_reported",
    "accuracies sources": "accuracy_sources",
    "accuracies sync": "sync_accuracies",
    "catalog add": "add_to_catalogue",
    "catalog list": "list_catalogues",
    "catalog osmr-2021": "osmr_catalogue",
    "catalog show": "catalogue_members",
    "import": "import_tables",
    "report": "build_report",
    "series list": "list_series",
    "series set": "set_series",
    "series unset": "set_series",
    "store check": "check_store",
    "store compact": "compact_store",
    "store migrate": "migrate_store",
    "store history": "store_history",
    "store vacuum": "vacuum_store",
    "studies": "list_studies",
}
#: What concerns the command line alone.
OF_THE_LINE = {"config"}
#: One model without a store; options of `zoo plan`; the second half of `zoo catalog add`; the
#: figures, each a command of `zoo plot`; what is no verb.
OTHERS = {
    *("analyze", "calibrate", "scale", "summary", "copy_catalogue", "figures"),
    "attention_products",
    *("open_store", "method"),
}
#: What writes a figure, and is none; the figure of an option of `zoo plan`.
NO_FIGURES = {"file_name", "save", "scale"}
CLI = Path(zoo_analysis.__file__).parent / "cli"


def commands(command: click.Command, path: str = "") -> Iterator[str]:
    """All commands, those of groups with the group's name before theirs."""
    if not hasattr(command, "commands"):
        yield path
        return
    for name, below in command.commands.items():
        yield from commands(below, f"{path} {name}".strip())


def test_every_command_is_a_function_and_every_function_a_command() -> None:
    found = set(commands(get_command(app)))
    plotted = {command for command in found if command.startswith("plot ")}
    told = {NAMES.get(command, command) for command in found - plotted}
    assert told - OF_THE_LINE == set(zoo_analysis.__all__) - OTHERS
    assert set(dir(zoo_analysis)) >= {*zoo_analysis.__all__, "__version__"}
    assert zoo_analysis.__version__ == version("zoo-analysis")


def test_every_figure_is_a_command_and_every_plot_a_figure() -> None:
    found = commands(get_command(app))
    plotted = {name.removeprefix("plot ") for name in found if name.startswith("plot ")}
    assert plotted == set(zoo_analysis.figures.__all__) - NO_FIGURES
    for name in plotted:
        assert "Args:" in (inspect.getdoc(getattr(zoo_analysis.figures, name)) or "")


@pytest.mark.parametrize("name", sorted(set(zoo_analysis.__all__) - OTHERS))
def test_each_is_documented_and_returns_a_table_or_a_dataclass(name: str) -> None:
    verb = getattr(zoo_analysis, name)
    doc = inspect.getdoc(verb)
    assert doc
    assert "Args:" in doc or not inspect.signature(verb).parameters, name
    made = inspect.signature(verb, eval_str=False).return_annotation
    if isinstance(made, str):
        assert made == "pa.Table", made
    elif made is not pa.Table and made != list[str]:
        fields = dataclasses.is_dataclass(made) or hasattr(made, "_fields")
        assert fields, f"{name} returns {made}"


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, zoo_analysis; dir(zoo_analysis); print(set(sys.modules) & "
        "{'torch', 'ray', 'numpy', 'duckdb', 'pyarrow', 'typer', 'altair', 'vl_convert'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_command_line_holds_no_sql_and_asks_no_store() -> None:
    for file in (*CLI.glob("*.py"), *CLI.glob("groups/*.py")):
        tree = ast.parse(file.read_text())
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not called & {"sql", "run", "append", "commit_models", "committed"}, file
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        assert not [t for t in texts if isinstance(t, str) and t.strip().startswith("SELECT ")]


def test_one_name_is_not_meant_letter_by_letter(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'nothing-of-the-kind'"):
        zoo_analysis.plan("nothing-of-the-kind", tmp_path / "store")
    with pytest.raises(SimilarityError, match="'nope'"):
        zoo_analysis.correlate([], tmp_path / "store", measures="nope")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ZooError, match="device is 'tpu': use one of auto, cpu, cuda"):
        device_for("tpu")  # type: ignore[arg-type]
