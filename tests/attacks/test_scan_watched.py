"""A scan of attacks, watched in all of its processes: it reads the models and nothing else."""

import os
import sys
from pathlib import Path

import pytest

from tests.attacks.mixed_zoo import write_zoo
from tests.attacks.watching import ASKING, watched_run


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """The folder of all that was written, and the events of a scan of the attacks in it."""
    root = tmp_path_factory.mktemp("watched")
    write_zoo(root / "a" / "lab" / "tree", attacks=True)
    tree, store = str(root / "a" / "lab" / "tree"), str(root / "store")
    line = ["-m", "zoo_analysis.cli", "scan", tree, "--store", store]
    code, events = watched_run(root, line)
    assert code == 3  # some models failed
    return root, events


def test_nobody_is_spoken_to(watched: tuple[Path, list[list[str]]]) -> None:
    words = ("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname")
    assert not {event[0] for event in watched[1]} & {f"socket.{word}" for word in words}


def test_nothing_is_started_but_workers(watched: tuple[Path, list[list[str]]]) -> None:
    started = {e[1] for e in watched[1] if e[0].startswith(("subprocess.", "os."))}
    assert {Path(program).name for program in started} <= {Path(sys.executable).name, *ASKING}


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
