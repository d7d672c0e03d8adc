"""The image of `jobs/cluster/Dockerfile`, which no daemon builds here, and who else names it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.jobs.clusters import CLOUDS, FOLDER, KUBERAY, ROOT, pods, ray_cluster

DOCKERFILE = (FOLDER / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ARGUMENTS = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.MULTILINE))
NAME = f"registry.example.com/zoo-analysis:{PROJECT['project']['version']}"


def checked(linter: str, file: Path) -> str:
    """What a linter of the environment says of a file."""
    found = shutil.which(linter, path=str(Path(sys.executable).parent)) or shutil.which(linter)
    assert found, f"{linter} is one of the extra `test`"
    return subprocess.run([found, file], capture_output=True, text=True, timeout=60).stdout


def test_linters_find_nothing() -> None:
    assert checked("hadolint", FOLDER / "Dockerfile") == ""
    assert checked("shellcheck", FOLDER / "slurm.sh") == ""


def test_what_is_copied_is_in_the_checkout_and_all_that_the_wheel_is_made_of() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?:--\S+ )*(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert [name for name in copied if not (ROOT / name).exists()] == []
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PROJECT["project"]
    needed = {"pyproject.toml", project["readme"], *wheel["packages"], *wheel["force-include"]}
    assert needed <= copied


def test_its_versions_are_those_that_the_package_admits() -> None:
    python = re.sub(r"py(\d)(\d+)", r"\1.\2", ARGUMENTS["PYTHON"])
    assert python in SpecifierSet(PROJECT["project"]["requires-python"])
    assert any(
        each.endswith(f":: {python}") for each in PROJECT["project"]["classifiers"]
    )  # it is tested
    (ray,) = (each for each in PROJECT["project"]["dependencies"] if each.startswith("ray>"))
    assert Version(ARGUMENTS["RAY_VERSION"]) in SpecifierSet(ray.removeprefix("ray"))


def test_every_cluster_runs_this_ray_in_this_image() -> None:
    assert {ray_cluster(name)["rayVersion"] for name in KUBERAY} == {ARGUMENTS["RAY_VERSION"]}
    on_kubernetes = {pod["containers"][0]["image"] for name in KUBERAY for pod in pods(name)}
    types = [kind for cloud in CLOUDS.values() for kind in cloud["available_node_types"].values()]
    on_clouds = {cloud["docker"]["image"] for cloud in CLOUDS.values()}
    on_clouds |= {kind["docker"]["worker_image"] for kind in types if "docker" in kind}
    assert on_clouds == on_kubernetes == {f"{NAME}-cpu", f"{NAME}-gpu"}
    for kind in types:
        assert ("GPU" in kind["resources"]) == ("docker" in kind)


def test_the_documents_build_and_name_this_image() -> None:
    texts = [DOCKERFILE, (ROOT / "docs" / "cluster.md").read_text()]
    named = {name for text in texts for name in re.findall(r"registry\.example\.com/\S*\w", text)}
    assert named == {f"{NAME}-cpu", f"{NAME}-gpu"}
