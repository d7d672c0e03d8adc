"""A local Ray is nobody else's: nothing listens beyond loopback, and a token is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STARTED = """
import json, os, pathlib, subprocess, sys, psutil, ray
from zoo_analysis.cluster.session import ray_session

ENTER = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)"

@ray.remote
def secrets():
    return os.environ["HF_TOKEN"], os.umask(0o22)

before = dict(os.environ)
with ray_session():
    found = {"secrets": ray.get(secrets.remote())}
    me = psutil.Process()
    found["listening"] = [
        (process.name(), connection.laddr.ip)
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    node = ray._private.worker._global_node
    folder = pathlib.Path(node.get_session_dir_path()).parents[1]
    found["mode"] = folder.stat().st_mode & 0o777
    entering = [sys.executable, "-c", ENTER, node.gcs_address]
    asked = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "another"}
    found["entered"] = subprocess.run(entering, env=os.environ | asked).returncode
found["left"] = folder.exists()
found["environment"] = {
    name for name in before.keys() | os.environ.keys()
    if name.startswith(("RAY_AUTH", "RAY_ENABLE")) and before.get(name) != os.environ.get(name)
}
print(json.dumps(found, default=list))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    home = tmp_path_factory.mktemp("home")
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    run = subprocess.run(
        [sys.executable, "-c", STARTED],
        capture_output=True,
        text=True,
        timeout=180,
        env=mine | {"HOME": str(home), "HF_TOKEN": "hf_secret"},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1]), home


def test_nothing_listens_beyond_the_loopback_interface(started: Any) -> None:
    listening = started[0]["listening"]
    assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
    assert {ip for _, ip in listening} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_who_has_not_the_token_stays_out(started: Any) -> None:
    found, home = started
    assert found["entered"] != 0
    assert not list(home.rglob("auth_token"))


def test_its_files_are_private_and_go_with_it(started: Any) -> None:
    assert started[0]["mode"] == 0o700
    assert not started[0]["left"]


def test_workers_are_as_the_user_is_and_the_environment_as_it_was(started: Any) -> None:
    assert started[0]["secrets"] == ["hf_secret", os.umask(0o22)]
    assert not started[0]["environment"]
