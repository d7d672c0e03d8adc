"""A GGUF of two gigabytes is measured in less than one more than the interpreter takes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import quantize

SCAN = """
import json, resource, sys
import torch
from zoo_analysis.measure.rows import measure
from zoo_analysis.spectra import Method
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

measure(open_checkpoint(sys.argv[1]), [], Method())  # what is imported, and a header
before = peak()
with open_checkpoint(sys.argv[1]) as model:
    specs = model.in_file_order(list_layers(model, {}))
    read = sum(float(load_kernel(model, spec)[0, 0, 0]) == 0 for spec in specs)
    # The embedding, and the first of the others; all would take half an hour.
    rows = measure(model, specs[:2], Method()).layers.to_pylist()
statuses = [row["status"] for row in rows]
found = {"read": read, "statuses": statuses, "bytes": model.nbytes, "more": peak() - before}
print(json.dumps(found))
"""


def sparse(file: Path, shapes: dict[str, tuple[int, int]], kind: GGMLQuantizationType) -> None:
    """A GGUF of zeros that takes no room on disk, but for two tensors of random numbers."""
    block, size = GGML_QUANT_SIZES[kind]
    writer = GGUFWriter(file, "llama")
    total = 0
    for name, (rows, cols) in shapes.items():
        nbytes = rows * cols // block * size
        writer.add_tensor_info(name, (rows, cols), "float32", nbytes, raw_dtype=kind)
        total += GGUFWriter.ggml_pad(nbytes, 32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    start = GGUFWriter.ggml_pad(file.stat().st_size, 32)
    with file.open("r+b") as stream:
        stream.seek(start)
        for rows, cols in list(shapes.values())[:2]:
            for _ in range(0, rows, 64):
                w = np.random.default_rng(rows).standard_normal((64, cols), dtype=np.float32)
                w += np.random.default_rng().standard_normal((1, cols), dtype=np.float32)
                stream.write(quantize(w, kind).tobytes())
        stream.truncate(start + total)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["Q8_0", "Q5_1", "F16"])
def test_two_gigabytes_are_measured_in_less_than_one(tmp_path: Path, kind: str) -> None:
    """Of a network with a vocabulary of 128,000 tokens."""
    number = GGMLQuantizationType[kind]
    block, size = GGML_QUANT_SIZES[number]
    width = 2048
    embedding = {"token_embd.weight": (128_256, width)}
    blocks = int(2.05e9 / (8 * width * width * size / block))
    shapes = embedding | {f"blk.{i}.ffn_up.weight": (4 * width, width) for i in range(blocks)}
    shapes |= {f"blk.{i}.ffn_down.weight": (width, 4 * width) for i in range(blocks)}
    file = tmp_path / "large.gguf"
    sparse(file, shapes, number)
    command = [sys.executable, "-c", SCAN, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["read"] >= len(shapes) - 2
    assert found["statuses"] == ["success"] * 2
    assert found["bytes"] > 2 * 10**9
    assert found["more"] < 10**9
