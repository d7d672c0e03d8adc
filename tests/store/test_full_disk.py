"""A disk that is full or read-only: one error that names it, and nothing else on the terminal."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILL = """
import sys
from tests.support.small_models import model_rows
from zoo_analysis.errors import StoreError
from zoo_analysis.store import open_store
store, number = open_store(sys.argv[1] + "/store"), 0
try:
    while True:
        store.commit_models([model_rows(f"lab/{number}", alphas=[2.0 + number] * 40)], "scan")
        number += 1
except StoreError as error:
    print(number == len(store.committed()), error)
"""
READ_ONLY = """
import subprocess, sys
from tests.support.small_models import model_rows
from zoo_analysis.errors import StoreError
from zoo_analysis.store import open_store
store = open_store(sys.argv[1] + "/store")
store.commit_models([model_rows("lab/a")], "scan")
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
for uri in (store.uri, sys.argv[1] + "/other"):
    try:
        open_store(uri).commit_models([model_rows("lab/b")], "scan")
    except StoreError as error:
        print(len(store.committed()), error)
"""


def on_a_small_disk(code: str, folder: Path) -> tuple[list[str], str]:
    """What a program says that has a disk of a megabyte to itself, and prints besides."""
    script = folder / "script.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}")
    disk = folder / "disk"
    disk.mkdir()
    shell = f"mount -t tmpfs -o size=1m tmpfs {disk} && exec {sys.executable} {script} {disk}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", shell]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no disk of its own for a process here: {done.stderr.strip()}")
    return done.stdout.splitlines(), done.stderr


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    (said,), other = on_a_small_disk(FILL, tmp_path)
    assert said.startswith("True cannot write")
    assert said.endswith("No space left on device")
    assert other == ""


def test_a_disk_that_is_read_only(tmp_path: Path) -> None:
    said, other = on_a_small_disk(READ_ONLY, tmp_path)
    assert [line.partition(" cannot write")[0] for line in said] == ["1", "1"]
    assert all(line.endswith("Read-only file system") for line in said)
    assert other == ""
