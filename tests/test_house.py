"""The architecture: which wing may import which, and names that tell things apart.

The floors themselves are contracts of import-linter in pyproject.toml.
"""

import ast
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "zoo_analysis"
FILES = sorted(PACKAGE.rglob("*.py"))
#: Files that are called as what they are the command, the runner or the answers of.
SAME_THING = {
    "accuracies",
    "analyze",
    "correlate",
    "demo",
    "plan",
    "scan",
    "similarity",
    "store",
    "study",
    "track",
}


def contracts(folder: Path) -> tuple[int, str]:
    """Exit status and report of the contracts, for the package in a folder."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config"]
    done = subprocess.run(
        [*command, ROOT / "pyproject.toml"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_no_wing_imports_one_of_a_higher_floor_and_none_in_a_circle() -> None:
    code, report = contracts(ROOT)
    assert code == 0, report
    assert "0 broken" in report


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("weights/spec.py", "import zoo_analysis.measure.rows"),
        ("stats/line.py", "def f() -> None:\n    import zoo_analysis.store"),
        ("answers/names.py", "import ray"),
        ("answers/names.py", "from rich.console import Console"),
        ("answers/names.py", "import click"),
        ("measure/rows.py", "from zoo_analysis.store import Store"),
        ("pairwise/scores.py", "from zoo_analysis.store import duck"),
        ("weights/spec.py", "from zoo_analysis import open_store"),
        ("cluster/session.py", "from zoo_analysis.cli import options"),
        ("stats/line.py", "from zoo_analysis.stats import regression"),
    ],
)
def test_one_that_does_is_refused(file: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "zoo_analysis")
    with (tmp_path / "zoo_analysis" / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    code, report = contracts(tmp_path)
    assert code == 1, report
    assert "BROKEN" in report


def test_no_file_has_more_than_300_lines() -> None:
    long = {str(file): n for file in FILES if (n := len(file.read_text().splitlines())) > 300}
    assert not long


def test_no_two_files_are_called_the_same_unless_they_are_about_the_same() -> None:
    places = defaultdict(list)
    for file in FILES:
        if not file.stem.startswith("__"):
            places[file.stem].append(file)
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert set(twice) <= SAME_THING, twice


def test_no_two_public_classes_are_called_the_same() -> None:
    homes = defaultdict(list)
    for file in FILES:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(file))
    assert not {name: files for name, files in homes.items() if len(files) > 1}


def test_no_module_is_hidden_by_what_its_package_exports() -> None:
    for init in PACKAGE.rglob("__init__.py*"):
        modules = {path.stem for path in init.parent.iterdir()} - {"__init__"}
        assert not modules & set(_exported(init)), init


def test_a_folder_shows_about_a_dozen_things_at_one_look() -> None:
    for folder in {file.parent for file in FILES}:
        shown = [path for path in folder.iterdir() if not path.name.startswith(("__", "py.typed"))]
        most = 21 if folder == PACKAGE else 18  # the wings themselves
        assert len(shown) <= most, f"{folder} has {len(shown)}"


def _exported(init: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(init.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
