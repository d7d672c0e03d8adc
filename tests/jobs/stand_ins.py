"""Commands that scripts find in place of a cluster's; `ray` writes down how it was called."""

import json
import os
import shlex
import stat
import sys
from pathlib import Path

_NOTE = """
import json, os, sys
with open(sys.argv[1], "w") as file:
    json.dump([sys.argv[2:], dict(os.environ)], file)
"""


def put(folder: Path, **commands: str) -> str:
    """Write commands into a folder, each a line of Bash, and `ray` among them.

    Returns:
        A PATH on which they come first, then those of this Python, then all others.
    """
    (folder / "note.py").write_text(_NOTE)
    note = [sys.executable, str(folder / "note.py"), str(folder / "called")]
    there = folder / "bin"
    there.mkdir(exist_ok=True)
    for name, command in {**commands, "ray": f'exec {shlex.join(note)} "$@"'}.items():
        (there / name).write_text(f"#!/bin/bash\n{command}\n")
        (there / name).chmod((there / name).stat().st_mode | stat.S_IXUSR)
    return os.pathsep.join([str(there), str(Path(sys.executable).parent), os.environ["PATH"]])


def called(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment with which `ray` was called last."""
    arguments, environment = json.loads((folder / "called").read_text())
    return arguments, environment
