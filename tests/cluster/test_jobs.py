"""`jobs/scan.py` does on a cluster what `zoo scan` does, run or submitted (docs/cluster.md)."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port, wait_until_answered
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store

ROOT = Path(__file__).parents[2]
JOB = ROOT / "jobs" / "scan.py"
BIN = Path(sys.executable).parent


class Head:
    """The head of a cluster that asks for a token, on this machine alone.

    Attributes:
        address: of the cluster.
        environment: of those who have the token and know its job server.
    """

    def __init__(self, folder: str) -> None:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        here = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        # A busy machine starts a node's agent late, and Ray ends a node whose agent is late.
        patience = {"RAY_agent_register_timeout_ms": "200000"}
        self.environment = {**os.environ, **here, **token, **loopback, **patience}
        port, dashboard, *others = (free_port() for _ in range(5))
        self.address = f"127.0.0.1:{port}"
        self.environment["RAY_API_SERVER_ADDRESS"] = f"http://127.0.0.1:{dashboard}"
        names = ("ray-client-server", "dashboard-agent-listen", "dashboard-agent-grpc")
        ports = [f"--{name}-port={other}" for name, other in zip(names, others, strict=True)]
        self.process = subprocess.Popen(
            [
                *("ray", "start", "--head", "--block", "--node-ip-address=127.0.0.1"),
                *(f"--port={port}", f"--dashboard-port={dashboard}", *ports),
                *(f"--temp-dir={folder}", "--num-cpus=2", "--disable-usage-stats"),
            ],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_answered(dashboard)

    def submit(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """What `ray job submit` says in the checkout, once the job server is ready."""
        command = ["ray", "job", "submit", *map(str, arguments)]
        deadline = time.monotonic() + 240
        while True:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**self.environment, **environment},
                capture_output=True,
                text=True,
                timeout=240,
            )
            if "try again later" not in done.stderr or time.monotonic() > deadline:
                return done
            time.sleep(1)


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    # Sockets want a short path.
    with tempfile.TemporaryDirectory(prefix="zoo-", ignore_cleanup_errors=True) as folder:
        head = Head(f"{folder}/ray")
        yield head
        head.process.terminate()
        head.process.wait(60)


def test_a_job_scans_on_the_cluster_it_is_submitted_to(
    head: Head, make_model: MakeModel, tmp_path: Path
) -> None:
    make_model("a")
    tree = make_model("b").parent
    submitted, run = tmp_path / "submitted", tmp_path / "run"
    script = ("python", "jobs/scan.py", tree, "--store", submitted)
    done = head.submit("--working-dir", ".", "--", *script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 scanned" in done.stdout
    command = [sys.executable, JOB, tree, "--store", run, "--address", head.address]
    subprocess.run(command, check=True, timeout=240, env=head.environment)
    columns = "repo_id, layer, alpha, log_norm, num_evals"
    first, second = (
        open_store(store).sql(f"SELECT {columns} FROM layers ORDER BY ALL").fetchall()
        for store in (submitted, run)
    )
    assert len(first) == 4
    assert first == second


def test_a_job_without_the_clusters_token_is_refused(head: Head, tmp_path: Path) -> None:
    nobody = {"HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}
    done = head.submit("--", "zoo", "--version", **nobody)
    assert done.returncode != 0
    assert "Missing authentication token" in done.stderr + done.stdout


def test_no_cluster_at_the_address_is_one_line(make_model: MakeModel, tmp_path: Path) -> None:
    command = [sys.executable, JOB, make_model("a"), "--store", tmp_path / "s"]
    run = subprocess.run(
        [*command, "--address", "ray://127.0.0.1:1"], capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 2
    message = run.stderr.strip().splitlines()
    assert len(message) == 1, run.stderr
    assert message[0].startswith("zoo: no Ray cluster at ray://127.0.0.1:1")
