"""The hub's token comes from a cloud's vault into the environment of a head, as its file says."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from ray.autoscaler._private.docker import with_docker_exec
from ray.autoscaler._private.util import with_envs

from tests.jobs import stand_ins
from tests.jobs.clusters import CLOUDS
from tests.support.loopback_aws import aws

TOKEN = "hf_of_the_vault"
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
#: The one call that the head makes, as google-cloud-secret-manager 2 has it.
GOOGLE = """
from types import SimpleNamespace as Bag
class SecretManagerServiceClient:
    def access_secret_version(self, request=None, *, name):
        data = {"projects/my-project/secrets/zoo-hub-token/versions/latest": b"hf_of_the_vault"}
        return Bag(payload=Bag(data=data[name]))
"""


def start(head: Path, cloud: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the last command by which `ray up` starts a head, through its own wrappers."""
    path = stand_ins.put(head, docker='while [[ $1 != /bin/bash ]]; do shift; done; exec "$@"')
    config = CLOUDS[cloud]
    commands = with_envs(config["head_start_ray_commands"], {"RAY_enable_autoscaler_v2": "1"})
    command = with_docker_exec(commands, config["docker"]["container_name"], "docker")[-1]
    return subprocess.run(
        ["bash", "-c", command], env={"PATH": path, **environment}, capture_output=True, timeout=60
    )


@pytest.fixture
def secrets_manager() -> Iterator[str]:
    with aws() as address:
        yield address


def test_aws_hands_it_to_the_head(tmp_path: Path, secrets_manager: str) -> None:
    keys = {name.lower(): value for name, value in KEYS.items()}
    client = boto3.client("secretsmanager", "us-west-2", endpoint_url=secrets_manager, **keys)
    client.create_secret(Name="zoo-hub-token", SecretString=TOKEN)
    done = start(tmp_path, "aws", AWS_ENDPOINT_URL=secrets_manager, **KEYS)
    assert done.returncode == 0, done.stderr
    called, seen = stand_ins.called(tmp_path)
    assert called[:2] == ["start", "--head"]
    assert (seen["HF_TOKEN"], seen["RAY_enable_autoscaler_v2"]) == (TOKEN, "1")
    assert TOKEN not in " ".join(called)


def test_google_hands_it_to_the_head(tmp_path: Path) -> None:
    package = tmp_path / "google" / "cloud" / "secretmanager.py"
    package.parent.mkdir(parents=True)
    package.write_text(GOOGLE)
    done = start(tmp_path, "gcp", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    called, seen = stand_ins.called(tmp_path)
    assert called[:2] == ["start", "--head"]
    assert seen["HF_TOKEN"] == TOKEN


def test_a_vault_without_it_starts_nothing(tmp_path: Path, secrets_manager: str) -> None:
    done = start(tmp_path, "aws", AWS_ENDPOINT_URL=secrets_manager, **KEYS)
    assert done.returncode != 0
    assert not (tmp_path / "called").exists()
