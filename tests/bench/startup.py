"""Starting a command against starting Python: imports that are not needed would show here."""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.bench.timing import Row, paired_medians

COMMANDS = (
    ("--help",),
    ("queries",),
    ("query", "select 1"),
    ("measures",),
    ("studies",),
    ("scan", "model"),  # in the store already
)


def run(runs: int) -> list[Row]:
    """Median wall clock of whole processes, each command in turn with an empty one."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "model").mkdir()
        save_file({"a.weight": torch.randn(40, 30)}, place / "model" / "model.safetensors")
        _process(place, "-m", "zoo_analysis.cli", "scan", "model")
        return [_row(place, command, runs) for command in COMMANDS]


def _row(place: Path, command: tuple[str, ...], runs: int) -> Row:
    ours, python = paired_medians(
        lambda: _process(place, "-m", "zoo_analysis.cli", *command),
        lambda: _process(place, "-c", "pass"),
        runs,
    )
    note = "nothing to do" if command[0] == "scan" else ""
    return Row(
        "start-up / python -c pass",
        f"zoo {' '.join(command)}",
        ours,
        python,
        ours / python,
        "",
        runs,
        note,
    )


def _process(place: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=place, check=True, capture_output=True)
