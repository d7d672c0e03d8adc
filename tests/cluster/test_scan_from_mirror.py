"""A scan through olah, a mirror of the hub that nobody here wrote.

It wants other versions of shared packages, so it lives in an environment of its own:
``.venv/olah`` (`make test` makes it), or wherever ``OLAH_CLI`` says.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port, wait_until_answered
from tests.support.repositories import write
from zoo_analysis import open_store, scan
from zoo_analysis.hub.access import HubAccess

OLAH = os.environ.get("OLAH_CLI") or shutil.which("olah-cli", path=f"{sys.prefix}/olah/bin")
pytestmark = [
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.skipif(not OLAH or not shutil.which("git"), reason="olah is not installed"),
]
IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c"}
IDENTITY |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.c"}


def git(home: Path, *arguments: str) -> str:
    run = subprocess.run(
        ["git", "-C", str(home), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **IDENTITY},
    )
    return run.stdout.strip()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """An offline olah over one git repository, `models/me/net` below ``mirrors``."""
    home = write(tmp_path / "mirrors" / "models" / "me" / "net", ((400, 300),) * 2)
    git(home, "init", "-q", "-b", "main")
    git(home, "add", ".")
    git(home, "commit", "-q", "-m", "weights")
    port = free_port()
    config = tmp_path / "olah.toml"
    config.write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nrepos-path = "{tmp_path}/repos"\n'
        f'mirrors-path = ["{tmp_path}/mirrors"]\n[accessibility]\noffline = true\n'
    )
    command = [str(OLAH), "-c", str(config), "--log-path", str(tmp_path / "logs")]
    with (tmp_path / "olah.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
        try:
            wait_until_answered(port, 30)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def test_a_mirror_that_ignores_ranges_gives_the_tables_of_the_disk(
    mirror: str, tmp_path: Path
) -> None:
    home = tmp_path / "mirrors" / "models" / "me" / "net"
    commit = git(home, "rev-parse", "HEAD")
    through, direct = tmp_path / "through", tmp_path / "direct"
    access = HubAccess(mirror, first_wait=0.05, home=str(tmp_path / "hf"))
    summary = scan(["me/net@main"], str(through), access=access)
    assert (summary.scanned, summary.failed) == (1, 0), summary.failures
    scan([str(home)], str(direct))
    sql = "SELECT layer, eigenvalues FROM esds ORDER BY layer"
    assert open_store(through).sql(sql).fetchall() == open_store(direct).sql(sql).fetchall()
    assert open_store(through).sql("SELECT DISTINCT revision FROM layers").fetchall() == [(commit,)]
