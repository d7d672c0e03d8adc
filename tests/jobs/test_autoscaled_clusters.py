"""The clusters of `jobs/cluster/` that grow by themselves, as Ray's own autoscaler reads them."""

from typing import Any

import pytest
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil

from tests.jobs.clusters import CLOUDS, ray_cluster
from zoo_analysis.cli.options import size

KUBERNETES = ("kuberay-scan", "kuberay-track")


def autoscaling(name: str) -> AutoscalingConfig:
    """The configuration as the autoscaler has it: checked by its schema, defaults filled in."""
    if name in CLOUDS:
        return AutoscalingConfig(CLOUDS[name], skip_content_hash=True)
    resource = {"metadata": {"name": name, "namespace": "zoo"}, "spec": ray_cluster(name)}
    return AutoscalingConfig(
        _derive_autoscaling_config_from_ray_cr(resource), skip_content_hash=True
    )


def launched(name: str, need: dict[str, float], count: int, missing: str = "") -> dict[str, int]:
    """Node types that are started for so many tasks, where the cloud fails to give one of them."""
    config = autoscaling(name)
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=config.get_node_type_configs(),
        max_num_nodes=config.get_max_num_nodes(),
        resource_requests=ResourceRequestUtil.group_by_count(
            [ResourceRequestUtil.make(need)] * count
        ),
        recoverable_resource_availabilities={missing: 0.0} if missing else {},
    )
    reply = ResourceDemandScheduler().schedule(request)
    assert not reply.infeasible_resource_requests
    return {launch.instance_type: launch.count for launch in reply.to_launch}


@pytest.mark.parametrize("name", [*CLOUDS, *KUBERNETES])
def test_work_that_waits_brings_spot_nodes(name: str) -> None:
    found = launched(name, {"CPU": 1.0}, 150)
    assert found["cpu-spot"] >= 4
    assert "cpu-on-demand" not in found


@pytest.mark.parametrize("name", [*CLOUDS, *KUBERNETES])
def test_where_there_is_no_spot_node_to_be_had_one_on_demand_takes_its_place(name: str) -> None:
    # One of each type that must be there is asked for all the same.
    assert launched(name, {"CPU": 1.0}, 150, missing="cpu-spot")["cpu-on-demand"] >= 3


@pytest.mark.parametrize("name", [*CLOUDS, "kuberay-scan"])
def test_work_for_a_gpu_brings_gpus_and_falls_back_likewise(name: str) -> None:
    assert launched(name, {"GPU": 1.0}, 5)["gpu-spot"] == 5
    assert launched(name, {"GPU": 1.0}, 5, missing="gpu-spot")["gpu-on-demand"] == 4


@pytest.mark.parametrize("name", [*CLOUDS, *KUBERNETES])
def test_the_head_takes_no_tasks(name: str) -> None:
    config = autoscaling(name)
    head = config.get_node_type_configs()[config.get_head_node_type()]
    assert head.resources["CPU"] == 0


@pytest.mark.parametrize("name", list(CLOUDS))
def test_spot_and_on_demand_types_differ_in_nothing_else(name: str) -> None:
    types = CLOUDS[name]["available_node_types"]
    for kind in ("cpu", "gpu"):
        spot, other = (dict(types[f"{kind}-{how}"]["node_config"]) for how in ("spot", "on-demand"))
        bought = [
            (c.pop("InstanceMarketOptions", {}), c.pop("scheduling", {})) for c in (spot, other)
        ]
        assert "spot" in str(bought[0]).lower()
        assert "spot" not in str(bought[1]).lower()
        assert spot == other


@pytest.mark.parametrize("name", list(CLOUDS))
def test_all_nodes_ask_for_the_token_of_one_file(name: str) -> None:
    config = CLOUDS[name]
    assert "--env RAY_AUTH_MODE=token" in config["docker"]["run_options"]
    assert config["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}


@pytest.mark.parametrize("name", list(CLOUDS))
def test_the_cache_fits_on_the_disk(name: str) -> None:
    config = CLOUDS[name]
    (cache,) = (
        size(option.rpartition("=")[2])
        for option in config["docker"]["run_options"]
        if "ZOO_CACHE_SIZE" in option
    )
    disks = {
        told * 10**9 for told in numbers(config["available_node_types"], "VolumeSize", "diskSizeGb")
    }
    assert min(disks) > cache > 10**10


def numbers(tree: Any, *keys: str) -> list[int]:
    """The values of these keys, wherever they are."""
    if isinstance(tree, list):
        return [found for each in tree for found in numbers(each, *keys)]
    if not isinstance(tree, dict):
        return []
    here = [value for key, value in tree.items() if key in keys]
    return here + [found for each in tree.values() for found in numbers(each, *keys)]


@pytest.mark.parametrize("name", list(CLOUDS))
def test_the_hubs_token_is_asked_of_the_cloud_by_the_head_alone(name: str) -> None:
    config = CLOUDS[name]
    assert "zoo-hub-token" in config["head_start_ray_commands"][-1]
    rest = {key: value for key, value in config.items() if key != "head_start_ray_commands"}
    assert "HF_TOKEN" not in yaml.dump(rest)
