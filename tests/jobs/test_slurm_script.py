"""The batch script of `jobs/cluster/`, run with stand-ins for Slurm's commands and Ray's."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from ray.scripts.symmetric_run import curate_and_validate_ray_start_args, symmetric_run

from tests.jobs import stand_ins
from tests.jobs.clusters import FOLDER, options_of

SCRIPT = FOLDER / "slurm.sh"
#: Options of sbatch(1), and whether they take a value: always, never, or as one likes.
SBATCH = {
    "account": "always",
    "cpus-per-task": "always",
    "error": "always",
    "exclusive": "either",
    "export": "always",
    "gpus-per-node": "always",
    "job-name": "always",
    "mem": "always",
    "nodes": "always",
    "ntasks-per-node": "always",
    "open-mode": "always",
    "output": "always",
    "partition": "always",
    "qos": "always",
    "requeue": "never",
    "signal": "always",
    "time": "always",
}


def test_each_directive_is_an_option_of_sbatch() -> None:
    lines = SCRIPT.read_text().splitlines()
    directives = [line for line in lines if line.startswith("#SBATCH")]
    assert len(directives) > 5
    for line in directives:
        told = re.fullmatch(r"#SBATCH --([a-z-]+)(=\S+)?", line)
        assert told, line
        assert SBATCH[told[1]] in ("either", "always" if told[2] else "never"), line
    # sbatch reads no further than the first command.
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert max(lines.index(line) for line in directives) < first


def test_one_ray_on_each_node_which_no_other_job_shares() -> None:
    # `ray symmetric-run` ends with `ray stop`, which ends every Ray of the node.
    text = SCRIPT.read_text()
    assert "#SBATCH --exclusive\n" in text
    assert "#SBATCH --ntasks-per-node=1\n" in text


def run(node: Path, *arguments: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment with which a batch job calls `ray` on a node."""
    path = stand_ins.put(
        node,
        hostname='echo "10.0.0.7 172.17.0.1"',
        srun='while [[ $1 == --* ]]; do shift; done; exec "$@"',
    )
    slurm = {"SLURM_JOB_NUM_NODES": "4", "SLURM_CPUS_ON_NODE": "64", "SLURM_JOB_ID": "17"}
    given = {"PATH": path, **slurm, **environment}
    subprocess.run(["bash", SCRIPT, *arguments], env=given, check=True, timeout=60)
    return stand_ins.called(node)


def test_every_node_starts_a_ray_as_its_command_takes_it(tmp_path: Path) -> None:
    called, _ = run(tmp_path, "imagenet-2020", ZOO_STORE="/shared/zoo", SLURM_GPUS_ON_NODE="8")
    assert called[0] == "symmetric-run"
    mine = called[1 : called.index("--")]
    parsed = symmetric_run.make_context("_", list(mine), resilient_parsing=True).params
    assert parsed["address"] == "10.0.0.7:6379"
    assert parsed["min_nodes"] == 4
    started = curate_and_validate_ray_start_args(mine)
    assert {"--num-cpus", "64", "--num-gpus", "8"} <= set(started)


def test_the_head_scans_on_that_ray_and_starts_none_of_its_own(tmp_path: Path) -> None:
    called, _ = run(tmp_path, "a b", "--device", "cpu", ZOO_STORE="/shared/zoo")
    told = options_of(shlex.join(called[called.index("--") + 1 :]))
    assert told["sources"] == ["a b"]
    assert told["device"] == "cpu"
    assert told["address"] == "10.0.0.7:6379"


def test_store_cache_size_and_tokens_are_in_the_environment_alone(tmp_path: Path) -> None:
    called, seen = run(tmp_path, "imagenet-2020", ZOO_STORE="/shared/zoo", HF_TOKEN="hf_secret")
    assert seen["ZOO_STORE"] == "/shared/zoo"
    assert seen["ZOO_CACHE_SIZE"] == "200GB"
    assert seen["HF_TOKEN"] == "hf_secret"
    assert seen["RAY_AUTH_MODE"] == "token"
    assert len(seen["RAY_AUTH_TOKEN"]) == 64
    assert not {"hf_secret", seen["RAY_AUTH_TOKEN"]} & set(called)
    assert (
        run(tmp_path, "imagenet-2020", ZOO_STORE="/shared/zoo")[1]["RAY_AUTH_TOKEN"]
        != seen["RAY_AUTH_TOKEN"]
    )


def test_without_a_store_nothing_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", SCRIPT, "x"], env={"PATH": os.environ["PATH"]}, capture_output=True
    )
    assert done.returncode != 0
    assert b"ZOO_STORE" in done.stderr
