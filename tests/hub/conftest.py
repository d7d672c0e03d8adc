"""A Ray of two CPUs, and a hub on 127.0.0.1 that every test has to itself."""

from collections.abc import Iterator
from pathlib import Path

import loopback
import pytest
import ray
from loopback import Hub

from zoo_analysis.weights import HubAccess, hub_access


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    if ray.is_initialized():  # by the tests of the cluster
        yield
        return
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
def zoo(tmp_path: Path) -> Path:
    """The directory whose repositories `hub` serves; fill it, then `hub.add`."""
    root = tmp_path / "repositories"
    root.mkdir()
    return root


@pytest.fixture
def hub(zoo: Path, tmp_path: Path) -> Iterator[Hub]:
    """A running hub, reached anonymously and with short waits."""
    with loopback.running(zoo) as hub, hub_access(access(hub, tmp_path)):
        yield hub


def access(hub: Hub, tmp_path: Path) -> HubAccess:
    return HubAccess(hub.url, first_wait=0.02, home=str(tmp_path / "hf"))
