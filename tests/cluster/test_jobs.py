"""`jobs/scan.py` does on a cluster what `zoo scan` does, submitted or run."""

import subprocess
import sys
import time
from pathlib import Path

from ray.cluster_utils import Cluster
from ray.job_submission import JobStatus, JobSubmissionClient

from tests.support.ports import free_port
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store

JOB = Path(__file__).parents[2] / "jobs" / "scan.py"


def test_a_job_scans_on_the_cluster_it_is_submitted_to(
    make_model: MakeModel, tmp_path: Path
) -> None:
    make_model("a")
    tree = make_model("b").parent
    head = {"num_cpus": 1, "include_dashboard": True, "dashboard_port": 0}
    # Ray's usual port is taken where another Ray runs, as that of the tests before this one.
    cluster = Cluster(
        initialize_head=True, head_node_args={**head, "dashboard_agent_listen_port": free_port()}
    )
    cluster.add_node(num_cpus=1)
    try:
        client = JobSubmissionClient(f"http://{cluster.head_node.webui_url}")
        submitted, run = str(tmp_path / "submitted"), str(tmp_path / "run")
        deadline = time.monotonic() + 240
        job = submit(client, f"{sys.executable} {JOB} {tree} --store {submitted}", deadline)
        while not client.get_job_status(job).is_terminal() and time.monotonic() < deadline:
            time.sleep(0.5)
        logs = client.get_job_logs(job)
        assert client.get_job_status(job) == JobStatus.SUCCEEDED, logs
        assert "2 scanned" in logs
        command = [sys.executable, JOB, tree, "--store", run, "--address", cluster.address]
        subprocess.run(command, check=True, timeout=240)
    finally:
        cluster.shutdown()
    columns = "repo_id, layer, alpha, log_norm, num_evals"
    first, second = (
        open_store(store).sql(f"SELECT {columns} FROM layers ORDER BY ALL").fetchall()
        for store in (submitted, run)
    )
    assert len(first) == 4
    assert first == second


def submit(client: JobSubmissionClient, entrypoint: str, deadline: float) -> str:
    """Once the cluster's job server is ready, which it says later than that it is up."""
    while True:
        try:
            return str(client.submit_job(entrypoint=entrypoint))
        except RuntimeError as error:
            if "try again later" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(1)


def test_no_cluster_at_the_address_is_one_line(make_model: MakeModel, tmp_path: Path) -> None:
    command = [sys.executable, JOB, make_model("a"), "--store", tmp_path / "s"]
    run = subprocess.run(
        [*command, "--address", "ray://127.0.0.1:1"], capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 2
    message = run.stderr.strip().splitlines()
    assert len(message) == 1, run.stderr
    assert message[0].startswith("zoo: no Ray cluster at ray://127.0.0.1:1")
