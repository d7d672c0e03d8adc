"""What a scan takes at least: the optimum of a linear programme, by another solver too."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from zoo_analysis.cluster.planning.replay.bounds import bounds
from zoo_analysis.cluster.planning.replay.fleets import Fleet, cpu_fleet, gpu_fleet
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.zoo_models import dense
from zoo_analysis.spectra import Method

ZOO = [
    dense("square", [(4096, 4096)] * 20, 2, copies=7),
    dense("long", [(50_000, 3000)] * 4, 2, copies=3),
    dense("small", [(256, 256)] * 8, 4, copies=200),
]


def prices_on(machines: Fleet) -> Prices:
    return Prices(machines.cpu, machines.gpu, Method())


@pytest.mark.parametrize("small", [0, 200, 100_000])
def test_cores_and_gpus_share_the_work_as_a_linear_programme_does(small: int) -> None:
    machines = gpu_fleet(1)
    prices = prices_on(machines)
    zoo = [*ZOO[:2], replace(ZOO[2], copies=small)]
    # min T, with x the share of a piece on GPUs: cores' seconds ≤ cores T, GPUs' ≤ GPUs T.
    only, core, gpu, held = 0.0, [], [], []
    for model in zoo:
        priced = prices.model(model)
        only += model.copies * priced.opening
        for each in priced.pieces:
            if priced.small:
                only += model.copies * each.core
            else:
                core.append(model.copies * each.core)
                gpu.append(model.copies * each.gpu)
                held.append(model.copies * (each.beside + each.gpu))
    on_cores = [*(np.array(held) - core), -machines.cpus]
    solved = linprog(
        [0.0] * len(core) + [1.0],
        A_ub=[on_cores, [*gpu, -machines.gpus]],
        b_ub=[-only - sum(core), 0.0],
        bounds=[(0, 1)] * len(core) + [(0, None)],
    )
    found = bounds(zoo, machines, prices)
    work = found.get("cores and GPUs", found.get("cores"))
    assert work == pytest.approx(solved.fun)
    assert ("cores" in found) == (small == 100_000)


def test_without_gpus_all_work_is_that_of_cores() -> None:
    few, many = (bounds(ZOO, cpu_fleet(n), prices_on(cpu_fleet(n))) for n in (16, 160))
    assert few["cores"] == pytest.approx(10 * many["cores"])
    assert few["hub" if "hub" in few else "network"] > 0


def test_the_slower_of_the_hub_and_the_networks_bounds() -> None:
    machines = replace(cpu_fleet(32), hub=2e9, network=1.5e9)
    nbytes = sum(model.copies * model.nbytes for model in ZOO)
    assert bounds(ZOO, machines, prices_on(machines))["hub"] == pytest.approx(nbytes / 2e9)
    one = replace(cpu_fleet(16), hub=2e9, network=1.5e9)
    assert bounds(ZOO, one, prices_on(one))["network"] == pytest.approx(nbytes / 1.5e9)
