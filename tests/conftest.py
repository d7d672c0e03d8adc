"""What holds for all tests."""

import gc
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests start Ray; side by side they would take each other's processors and workers.
_ON_RAY = {"cli", "cluster", "hub"}


class OneForRay(LoadScopeScheduling):
    """Tests on Ray go to one worker, and each other file's tests stay together."""

    def _split_scope(self, nodeid: str) -> str:
        _, folder, *_ = nodeid.split("/")
        return "ray" if folder in _ON_RAY else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)  # with xdist only
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return OneForRay(config, log)


def pytest_unconfigure() -> None:
    # Hypothesis leaves a callback there that keeps DuckDB's types alive to the very end, at which
    # DuckDB prints forty lines about them.
    gc.callbacks.clear()
