"""`HF_HUB_OFFLINE=1 zoo scan OWNER/NAME` reads what huggingface_hub has left in its cache."""

import os
import subprocess
import sys
from pathlib import Path

from huggingface_hub import hf_hub_download

from tests.support.loopback import running
from tests.support.repositories import write
from zoo_analysis import analyze, open_store


def test_a_scan_without_the_hub_measures_the_cache(tmp_path: Path) -> None:
    home, store = tmp_path / "hf", tmp_path / "store"
    model = write(tmp_path / "repositories" / "net")
    with running(tmp_path / "repositories") as hub:
        repo = hub.add("timm/net", model)
        for name in ("model.safetensors", "config.json"):
            hf_hub_download("timm/net", name, endpoint=hub.url, cache_dir=home / "hub", token=False)
        gone = hub.url
    offline = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": gone, "HF_HOME": str(home)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "zoo_analysis.cli",
            "scan",
            "timm/net",
            "me/other",
            "--store",
            store,
        ],
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 3, done.stderr
    assert "me/other: HF_HUB_OFFLINE is set and it is not in the cache" in done.stdout + done.stderr
    columns = ["layer", "alpha", "log_norm"]
    found = open_store(store).sql(f"SELECT {', '.join(columns)} FROM layers ORDER BY layer")
    assert found.fetchall() == [
        tuple(row[column] for column in columns)
        for row in sorted(analyze(model).to_pylist(), key=lambda row: row["layer"])
    ]
    said = open_store(store).sql("SELECT repo_id, revision, source FROM models").fetchall()
    assert said == [("timm/net", repo.main, "hub")]
