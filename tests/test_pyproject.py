"""What an installation gets."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def files(folder: str, *patterns: str) -> set[str]:
    found = (file for pattern in patterns for file in (ROOT / folder).rglob(pattern))
    return {str(file.relative_to(ROOT)) for file in found}


def test_the_wheel_carries_the_whole_package(wheel: set[str]) -> None:
    package = files("zoo_analysis", "*.py", "*.pyi", "*.txt", "py.typed")
    assert "zoo_analysis/py.typed" in package
    assert package - wheel == set()


def test_the_wheel_carries_catalogues_and_questions(wheel: set[str]) -> None:
    data = files("catalog", "*.toml") | files("queries", "*.sql")
    assert data
    assert {f"zoo_analysis/_data/{file}" for file in data} - wheel == set()


def test_the_wheel_carries_nothing_else(wheel: set[str]) -> None:
    rest = {name for name in wheel if not name.startswith("zoo_analysis/")}
    assert all(".dist-info/" in name for name in rest)
    assert not any("__pycache__" in name for name in wheel)


#: Probes, regressions, architectures: installed with the rest, imported when they are asked for.
UNNEEDED = ("mlxtend", "skimage", "sklearn", "statsmodels", "timm", "transformers")

PLAIN = f"""
import sys
for name in {UNNEEDED}:
    sys.modules[name] = None  # as if it were not installed
import torch
from safetensors.torch import save_file
save_file({{"a.weight": torch.ones(12, 12).triu()}}, "model.safetensors")
import zoo_analysis, zoo_analysis.cluster.scanning.scan_tasks
from zoo_analysis.sources import resolve_sources
assert len(resolve_sources(["model.safetensors"]).refs) == 1
assert zoo_analysis.analyze("model.safetensors")["status"].to_pylist() == ["success"]
"""


def test_weights_without_a_configuration_are_measured_by_the_core_alone(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", PLAIN], check=True, cwd=tmp_path, env=environment)


#: The last versions that run a stranger's code (timm, by unpickling), or start a cluster without a
#: token, or were never run by `make test-lowest`.
REFUSED = {"timm": "1.0.25", "ray": "2.58.1", "torch": "2.12.1", "duckdb": "1.5.6"}


@pytest.mark.parametrize(("name", "version"), REFUSED.items())
def test_versions_that_are_unsafe_or_untested_are_not_admitted(name: str, version: str) -> None:
    extras = PROJECT["optional-dependencies"].values()
    asked = [Requirement(text) for group in (PROJECT["dependencies"], *extras) for text in group]
    bounds = [requirement.specifier for requirement in asked if requirement.name == name]
    assert bounds
    assert not any(bound.contains(version) for bound in bounds)


def test_the_extra_of_the_tests_brings_all_others() -> None:
    extras = PROJECT["optional-dependencies"]
    others = ",".join(sorted(extras.keys() - {"test"}))
    assert f"zoo-analysis[{others}]" in extras["test"]
