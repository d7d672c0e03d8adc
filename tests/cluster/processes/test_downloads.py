"""Downloads of a cluster are counted, whatever becomes of who holds a permit or counts them."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import psutil
import pytest
import ray

from tests.support.placed import until
from zoo_analysis.cluster.processes import downloads
from zoo_analysis.cluster.processes.downloads import Downloads, Permits


def test_no_more_hold_a_permit_than_there_are_and_the_next_waits() -> None:
    async def crowd() -> tuple[int, int]:
        permits, now, most, done = Permits(2, anew=False), 0, 0, 0

        async def download(name: str) -> None:
            nonlocal now, most, done
            await permits.take(name)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            done += 1
            await permits.give_back(name)

        await asyncio.gather(*(download(str(i)) for i in range(9)))
        return most, done

    assert asyncio.run(crowd()) == (2, 9)


def test_a_permit_asked_for_twice_by_one_holder_is_one() -> None:
    async def retried() -> None:
        permits = Permits(1, anew=False)
        for _ in range(2):  # Ray asks again where the answer was lost with a node
            await asyncio.wait_for(permits.take("a"), 1)

    asyncio.run(retried())


def test_a_dead_holders_permit_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_LEASE", 0.1)

    async def dead() -> None:
        permits = Permits(1, anew=False)
        await permits.take("dead")
        await asyncio.wait_for(permits.take("next"), 5)

    asyncio.run(dead())


def test_permits_started_anew_wait_for_signs_of_life_before_they_give_any() -> None:
    async def anew() -> tuple[bool, bool]:
        permits = Permits(2, sign=0.5, anew=True)
        await permits.keep("one")
        await permits.keep("other")
        waiting = asyncio.create_task(permits.take("third"))
        done, _ = await asyncio.wait([waiting], timeout=2)
        await permits.give_back("one")
        await asyncio.wait_for(waiting, 5)
        return bool(done), "third" in permits._held

    assert asyncio.run(anew()) == (False, True)


@pytest.mark.usefixtures("local_ray")
def test_the_count_goes_on_when_its_process_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_SIGN", 1.0)
    others = _counting()  # of runs before, on the same Ray
    gate = Downloads(1)
    with gate():
        (first,) = _counting() - others
        os.kill(first, signal.SIGKILL)
        asked = gate.permits.take.remote("next")
        until(lambda: _counting() - others - {first})
        time.sleep(3)  # it waits for two signs of life before it gives any
        assert ray.wait([asked], timeout=0)[1], "the permit is held"
    ray.get(asked, timeout=60)


def _counting() -> set[int]:
    """Processes of actors that count, of this process' own Ray."""
    found = set[int]()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any("ray::Permits" in part for part in process.cmdline()):
                found.add(process.pid)
    return found
