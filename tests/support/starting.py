"""What a new Python process imports."""

import subprocess
import sys


def imported_by(code: str) -> set[str]:
    """The top-level packages that are loaded once this code was run."""
    shown = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
