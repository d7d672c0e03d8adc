"""Completion of the command line in a shell."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("zoo")


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env=dict(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_installs_for_a_shell_and_completes_commands(tmp_path: Path) -> None:
    # From within bash, as users do: the shell that is written for is the one that asks.
    done = subprocess.run(
        ["bash", "-c", f'"{COMMAND}" --install-completion; exit $?'],
        env=dict(os.environ) | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    installed = (tmp_path / ".bash_completions" / "zoo.sh").read_text()
    assert "_ZOO_COMPLETE=complete_bash" in installed
    told = run(_ZOO_COMPLETE="complete_bash", COMP_WORDS="zoo re", COMP_CWORD="1")
    assert told.stdout.split() == ["retry", "regress", "releases", "report"]
