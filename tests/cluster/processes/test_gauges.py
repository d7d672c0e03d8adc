"""The state of a run reaches Prometheus, and the dashboard asks for what there is."""

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest
import ray

from zoo_analysis.cluster.processes.gauges import FAILED, GAUGES, Gauges
from zoo_analysis.store.live.process import this_process
from zoo_analysis.store.live.run_state import RunState

DASHBOARD = Path(__file__).parents[3] / "jobs" / "cluster" / "grafana-dashboard.json"


@pytest.mark.usefixtures("local_ray")
def test_a_runs_numbers_are_among_the_metrics_of_its_node() -> None:
    state = RunState("s1", "default", this_process(), "", total=40, done=12, failed=3)
    state = RunState(**vars(state) | {"seconds": 36.0, "causes": {"open/CheckpointError": 3}})
    gauges = Gauges()
    (node,) = ray.nodes()
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    deadline, found = time.monotonic() + 60, ""
    while "ray_zoo_failed" not in found and time.monotonic() < deadline:
        gauges.show(state)
        time.sleep(1)
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = answer.read().decode()
    lines = [line for line in found.splitlines() if line.startswith("ray_zoo_")]
    told = {line.split("{")[0]: float(line.split()[-1]) for line in lines}
    assert (told["ray_zoo_total"], told["ray_zoo_done"]) == (40, 12)
    assert (told["ray_zoo_an_hour"], told["ray_zoo_seconds_left"]) == (1200, 60)
    (failed,) = [line for line in lines if line.startswith("ray_zoo_failed")]
    assert 'cause="open/CheckpointError"' in failed
    assert 'scan="s1"' in failed
    assert told["ray_zoo_failed"] == 3


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    board = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    names = {name for expr in asked for name in re.findall(r"ray_(zoo_\w+)", expr)}
    assert names <= {*GAUGES, FAILED}
    assert {"zoo_done", "zoo_seconds_left", "zoo_an_hour", "zoo_failed"} <= names
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]}
    assert len(places) == len(board["panels"])
