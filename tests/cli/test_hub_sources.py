"""The hub as a user of the command meets it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.loopback import Hub
from tests.support.repositories import CARD, write
from zoo_analysis.cli.options import size
from zoo_analysis.errors import ZooError


def zoo_(hub: Hub, place: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "ZOO_"))}
    return subprocess.run(
        [sys.executable, "-m", "zoo_analysis.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=place,
        env=clean | {"HF_ENDPOINT": hub.url, "HF_HOME": str(place / "hf"), "COLUMNS": "400"} | env,
    )


def test_a_plan_and_a_scan_by_the_hubs_own_conventions(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    repo = hub.add("me/net", write(hub_root / "net"), gated="auto")
    repo.allowed.add("hf_good")
    run = zoo_(hub, tmp_path, "plan", "me/net", "--json", HF_TOKEN="hf_good")
    assert run.returncode == 0, run.stderr
    plan = json.loads(run.stdout)
    assert plan["totals"]["layers"] == 2
    run = zoo_(hub, tmp_path, "scan", "me/net", "me/missing", "--json", HF_TOKEN="hf_good")
    assert run.returncode == 3, run.stderr
    summary = json.loads(run.stdout)
    assert (summary["scanned"], summary["failed"]) == (1, 1)
    assert all(line.startswith("scanning:") for line in run.stderr.splitlines()), run.stderr
    assert "hf_good" not in run.stdout + run.stderr


def test_a_bad_token_is_one_line(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    hub.add("me/net", write(hub_root / "net"))
    run = zoo_(hub, tmp_path, "scan", "me/net", HF_TOKEN="hf_bad")
    assert run.returncode == 2
    assert run.stderr.startswith("zoo: ")
    assert len(run.stderr.splitlines()) == 1
    assert "hf_bad" not in run.stderr
    assert "HF_TOKEN" in run.stderr


def test_a_variant_is_chosen_and_what_is_left_out_is_said(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    home = write(hub_root / "net", card=CARD.replace("0.75", "see the paper"))
    shutil.copy(home / "model.safetensors", home / "model.non_ema.safetensors")
    (home / "weights.nemo").write_text("of another program")
    hub.add("me/net", home)
    run = zoo_(hub, tmp_path, "scan", "me/net", "--variant", "non_ema", "--store", "s")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("1 scanned")
    assert "me/net:non_ema: card: no usable value of accuracy on digits\n" in run.stdout
    assert "me/net:non_ema: weights.nemo: of a format that is not read\n" in run.stdout
    run = zoo_(hub, tmp_path, "plan", "me/net", "--variant", "non_ema", "--store", "s", "-f", "csv")
    assert "me/net:non_ema" in run.stdout
    assert "in the store already" in run.stdout


def test_sizes() -> None:
    assert (size("20GB"), size("1.5 mb"), size("7")) == (20 * 10**9, 1_500_000, 7)
    for text in ("", "GB", "20 XB", "-3"):
        with pytest.raises(ZooError, match="no size"):
            size(text)
