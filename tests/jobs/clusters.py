"""The files of `jobs/cluster/`, parsed."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "jobs" / "cluster"


def _parsed(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


CLOUDS: dict[str, Any] = {name: _parsed(name) for name in ("aws", "gcp")}
KUBERAY: dict[str, Any] = {name: _parsed(name) for name in ("kuberay-scan", "kuberay-track")}


def ray_job(name: str) -> dict[str, Any]:
    """The specification of a manifest's RayJob."""
    found: dict[str, Any] = KUBERAY[name]["spec"]
    return found.get("jobTemplate", found)


def ray_cluster(name: str) -> dict[str, Any]:
    """The specification of a manifest's RayCluster."""
    found: dict[str, Any] = ray_job(name)["rayClusterSpec"]
    return found


def pods(name: str) -> list[dict[str, Any]]:
    """The pods of a manifest, the head's first."""
    cluster = ray_cluster(name)
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def options_of(command: str) -> dict[str, Any]:
    """The arguments of a `zoo` command line, parsed by `zoo` itself.

    Raises:
        click.UsageError: it would be refused.
    """
    import shlex

    import typer

    from zoo_analysis.cli.app import app

    zoo, name, *arguments = shlex.split(command)
    assert zoo == "zoo"
    group = typer.main.get_command(app)
    found: dict[str, Any] = group.commands[name].make_context(name, arguments).params  # type: ignore[attr-defined]
    return found
