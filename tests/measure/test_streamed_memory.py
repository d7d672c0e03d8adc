"""A streamed scan takes the memory of a layer, not of the checkpoint."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.loopback import Hub

SCAN = """
import json, resource, sys
from zoo_analysis.measure.rows import measure
from zoo_analysis.spectra import Method
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.weights import list_layers, open_checkpoint

with open_checkpoint(sys.argv[2], HubAccess(sys.argv[1], home=sys.argv[3])) as model:
    specs = model.in_file_order(list_layers(model, {}))
    rows = measure(model, specs, Method()).layers
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"layers": len(rows), "bytes": model.nbytes, "peak": peak}))
"""


def shard(file: Path, names: list[str], shape: tuple[int, int]) -> None:
    """A bfloat16 safetensors file of zeros that takes no room on disk."""
    size = shape[0] * shape[1] * 2
    header = json.dumps(
        {
            name: {
                "dtype": "BF16",
                "shape": list(shape),
                "data_offsets": [i * size, (i + 1) * size],
            }
            for i, name in enumerate(names)
        }
    ).encode()
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.truncate(8 + len(header) + size * len(names))


def serve(hub: Hub, home: Path, shards: int, layers: int, shape: tuple[int, int]) -> str:
    home.mkdir()
    weight_map = {}
    for i in range(shards):
        file = home / f"model-{i + 1:05}-of-{shards:05}.safetensors"
        names = [f"layers.{i * layers + j}.fc.weight" for j in range(layers)]
        shard(file, names, shape)
        weight_map |= dict.fromkeys(names, file.name)
    (home / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    repo = hub.add("me/large", home)
    return f"hf://me/large@{repo.main}/model.safetensors.index.json"


def stream(hub: Hub, path: str, tmp_path: Path) -> dict[str, int]:
    command = [sys.executable, "-c", SCAN, hub.url, path, str(tmp_path / "hf"), "."]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


@pytest.mark.exhaustive
def test_two_gigabytes_are_scanned_in_less_than_one(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    path = serve(hub, hub_root / "large", shards=4, layers=64, shape=(4096, 1024))
    found = stream(hub, path, tmp_path)
    assert found["layers"] == 256
    assert found["bytes"] > 2 * 10**9
    assert found["peak"] < 10**9
    assert hub.sent["cdn"] <= 1.02 * found["bytes"]
    assert not (tmp_path / "hf").exists() or not any((tmp_path / "hf").rglob("*.safetensors"))
