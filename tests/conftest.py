"""What holds for all tests."""

import gc
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from hypothesis import HealthCheck, Phase, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support import loopback
from tests.support.loopback import Hub

# A busy machine is slow at everything: neither that nor how long an example takes is a failure.
# No phase that explains: it traces every line, at which Python 3.11 can come to run a cache entry
# as an instruction, and then never comes back, in a loop that no signal ends.
settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
settings.load_profile("busy")

# What runs in the background has SIGINT ignored, and hands that on to the commands it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Folders whose tests start Ray; side by side they would take each other's processors and workers.
_ON_RAY = {"cli", "cluster", "docs"}
#: Of commands in processes of their own, whose words are looked for as a whole.
os.environ["COLUMNS"] = "400"


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


@pytest.fixture(scope="session")
def node_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where workers keep activations; nodes are to be started with it as XDG_CACHE_HOME."""
    return tmp_path_factory.mktemp("node") / "cache"


@pytest.fixture(scope="session")
def local_ray(node_cache: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(node_cache))
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield
    ray.shutdown()


@pytest.fixture
def hub_root(tmp_path: Path) -> Path:
    """The directory whose repositories `hub` serves; fill it, then `hub.add`."""
    root = tmp_path / "repositories"
    root.mkdir()
    return root


@pytest.fixture
def hub(hub_root: Path, tmp_path: Path) -> Iterator[Hub]:
    """A running hub, to be reached by `hub.access`: anonymously and with short waits."""
    with loopback.running(hub_root) as hub:
        hub.access = replace(hub.access, home=str(tmp_path / "hf"))
        yield hub
