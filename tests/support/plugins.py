"""Packages that add something by entry points, as docs/extending.md shows them."""

import re
import sys
from functools import cache
from pathlib import Path

import pytest

from zoo_analysis.weights.readers import by_suffix

ROOT = Path(__file__).parents[2]


def example(heading: str) -> tuple[str, str]:
    """The Python code and the pyproject.toml that a section of docs/extending.md shows."""
    text = (ROOT / "docs" / "extending.md").read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (python,) = re.findall(r"```python\n(.*?)```", section, re.S)
    (toml,) = re.findall(r"```toml\n(.*?)```", section, re.S)
    return python, toml


def install(module: str, code: str, pyproject: str, patch: pytest.MonkeyPatch, home: Path) -> None:
    """Make a module importable from `home` for one test, with its entry points."""
    about = home / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (home / f"{module}.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = re.sub(r'\[project\.entry-points\."(.+)"\]', r"[\1]", pyproject).replace('"', "")
    (about / "entry_points.txt").write_text(lines)
    patch.syspath_prepend(home)
    patch.delitem(sys.modules, module, raising=False)
    patch.setattr(by_suffix, "added", cache(by_suffix.added.__wrapped__))
