"""A Python process and all that it starts, watched by an audit hook."""

import json
import os
import subprocess
import sys
from pathlib import Path

#: Programs by which libraries ask which machine this is.
ASKING = {"ldconfig", "lscpu", "uname"}
#: Of every process that starts with it on its path: what it opens, connects, starts and unpickles.
WATCH = """
import json, os, sys
log = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
begin = ("open", "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "pickle.")
def hook(event, arguments):
    if event.startswith(begin):
        told = [event, *(os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in arguments[:2])]
        told.append(" ".join(sys.orig_argv))
        os.write(log, json.dumps(told).encode() + b"\\n")
sys.addaudithook(hook)
"""


def watched_run(root: Path, line: list[str]) -> tuple[int, list[list[str]]]:
    """The exit status of a Python command, and the events of all Python processes.

    An event is its name, up to two arguments, and the command line of the process.

    Args:
        root: gets the folders ``home`` (where it runs), ``tmp`` and ``site``.
        line: Python's arguments.
    """
    for name in ("site", "home", "tmp"):
        (root / name).mkdir()
    (root / "site" / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join((str(root / "site"), str(Path(__file__).parents[2])))
    told = {"PYTHONPATH": path, "WATCHED": str(root / "events"), "HF_TOKEN": "hf_secret"}
    told |= {"HOME": str(root / "home"), "TMPDIR": str(root / "tmp")}
    done = subprocess.run(
        [sys.executable, *line],
        env=os.environ | told,
        cwd=root / "home",
        capture_output=True,
        timeout=540,
    )
    events = (root / "events").read_text().splitlines()
    return done.returncode, [json.loads(event) for event in events]
