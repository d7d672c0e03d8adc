"""(4) Peak memory of scanning a 500 MB checkpoint, above the interpreter with torch loaded."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.timing import Row

# VmHWM, not getrusage: ru_maxrss of a child begins at its parent's.
_SCRIPT = """
import sys
import torch, scipy.linalg
torch.set_num_threads(1)

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

before = peak()
from zoo_analysis import analyze
analyze(sys.argv[1])
print(before, peak())
"""


def run(runs: int) -> list[Row]:
    """A VGG-like checkpoint: its largest matrix, 25,088 × 4,096, is most of it."""
    import torch
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, sides in {
            "25,088 × 4,096 and less": ((4096, 25088), (4096, 4096), (1000, 4096)),
            "31 of 2,048 × 2,048": ((2048, 2048),) * 31,
        }.items():
            file = Path(folder) / "weights.safetensors"
            save_file({f"l{i}.weight": torch.randn(*s) for i, s in enumerate(sides)}, file)
            size = file.stat().st_size / 2**20
            out = subprocess.run(
                [sys.executable, "-c", _SCRIPT, str(file)],
                capture_output=True,
                text=True,
                check=True,
            )
            before, peak = map(float, out.stdout.split())
            rows.append(
                Row(
                    "peak memory",
                    f"{size:.0f} MB: {name}",
                    peak,
                    before,
                    peak - before,
                    "≤ 600 MB above",
                    1,
                )
            )
    return rows
