"""What holds for all tests."""

import gc
from pathlib import Path

import pytest

#: Folders whose tests start Ray; side by side they would take each other's processors and workers.
_ON_RAY = {"cli", "cluster", "hub"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on Ray go to one worker, and each other file's tests stay together."""
    here = Path(__file__).parent
    for item in items:
        folder, *_ = item.path.relative_to(here).parts
        group = "ray" if folder in _ON_RAY else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_unconfigure() -> None:
    # Hypothesis leaves a callback there that keeps DuckDB's types alive to the very end, at which
    # DuckDB prints forty lines about them.
    gc.callbacks.clear()
