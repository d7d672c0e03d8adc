"""A scan of attacks, watched in all of its processes: it reads the models and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.mixed_zoo import write_zoo

#: Of every process that starts with it on its path: what it opens, connects, starts and unpickles.
WATCH = """
import json, os, sys
log = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
begin = ("open", "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "pickle.")
def hook(event, arguments):
    if event.startswith(begin):
        told = [event, *(os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in arguments[:2])]
        os.write(log, json.dumps(told).encode() + b"\\n")
sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """The folder of all that was written, and the events of a scan of the attacks in it."""
    root = tmp_path_factory.mktemp("watched")
    write_zoo(root / "a" / "lab" / "tree", attacks=True)
    for name in ("site", "home", "tmp"):
        (root / name).mkdir()
    (root / "site" / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join((str(root / "site"), str(Path(__file__).parents[2])))
    told = {"PYTHONPATH": path, "WATCHED": str(root / "events"), "HF_TOKEN": "hf_secret"}
    told |= {"HOME": str(root / "home"), "TMPDIR": str(root / "tmp")}
    command = [sys.executable, "-m", "zoo_analysis.cli", "scan", str(root / "a" / "lab" / "tree")]
    done = subprocess.run(
        [*command, "--store", str(root / "store")],
        env=os.environ | told,
        cwd=root / "home",
        capture_output=True,
        timeout=540,
    )
    assert done.returncode == 3, done.stderr  # some models failed
    return root, [json.loads(line) for line in (root / "events").read_text().splitlines()]


def test_nobody_is_spoken_to(watched: tuple[Path, list[list[str]]]) -> None:
    words = ("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname")
    assert not {event[0] for event in watched[1]} & {f"socket.{word}" for word in words}


def test_nothing_is_started_but_workers(watched: tuple[Path, list[list[str]]]) -> None:
    started = {e[1] for e in watched[1] if e[0].startswith(("subprocess.", "os."))}
    # Libraries ask which machine this is.
    assert {Path(program).name for program in started} <= {
        Path(sys.executable).name,
        "ldconfig",
        "uname",
    }


def test_no_pickle_names_what_is_not_this_package_s_own(
    watched: tuple[Path, list[list[str]]],
) -> None:
    found = {event[1] for event in watched[1] if event[0] == "pickle.find_class"}
    assert found
    assert {module.partition(".")[0] for module in found} == {"zoo_analysis"}


def test_nothing_outside_of_the_models_is_opened(watched: tuple[Path, list[list[str]]]) -> None:
    root, events = watched
    opened = {event[1] for event in events if event[0] == "open"}
    assert any(file.startswith(str(root / "a" / "lab" / "tree")) for file in opened)
    inside = tuple(str(root / name) for name in ("a/lab/tree", "store", "site", "home", "tmp"))
    ours = {file for file in opened if file.startswith(str(root))}
    assert not {file for file in ours if not file.startswith(inside)}
    assert not {file for file in opened if "hf_secret" in file or file.startswith("/etc/passwd")}
    assert "/dev/zero" not in opened
    links = {file for file in opened if os.path.islink(file)}
    assert not {file for file in links if file.startswith(str(root / "a"))}


def test_nothing_is_left_in_the_temporary_folder(watched: tuple[Path, list[list[str]]]) -> None:
    left = [path for path in (watched[0] / "tmp").rglob("*") if path.is_file()]
    assert not left
