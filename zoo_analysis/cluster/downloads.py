"""A limit on downloads at the same time, for a whole cluster."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import ray

from zoo_analysis.sources import ModelRef
from zoo_analysis.weights import (
    HubAccess,
    current_access,
)

#: Seconds after which a permit that was never given back is taken from a worker that must be dead.
_LEASE = 900.0


class Permits:
    """So many permits; whoever asks for one more waits. Runs as one actor of the cluster."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._held: set[int] = set()
        self._last = 0

    async def take(self) -> int:
        """Wait for a permit; returns its number."""
        await self._free.acquire()
        self._last += 1
        number = self._last
        self._held.add(number)
        asyncio.get_running_loop().call_later(_LEASE, self._release, number)
        return number

    async def give_back(self, number: int) -> None:
        """Let the next one have it."""
        self._release(number)

    def _release(self, number: int) -> None:
        if number in self._held:
            self._held.remove(number)
            self._free.release()


class Downloads:
    """The gate that every download of a scan passes; sent to the workers.

    Args:
        count: downloads at the same time on the whole cluster.
    """

    def __init__(self, count: int) -> None:
        options = {"num_cpus": 0, "max_concurrency": 10_000}
        self.permits: Any = ray.remote(Permits).options(**options).remote(count)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold a permit inside the `with`."""
        number = ray.get(self.permits.take.remote())
        try:
            yield
        finally:
            self.permits.give_back.remote(number)


@dataclass(frozen=True)
class Reach:
    """How a worker reads models of the hub.

    Attributes:
        access: endpoint, token and cache; None where no model of the hub is read.
        downloads: called for the permit that a download needs.
    """

    access: HubAccess | None = None
    downloads: Any = nullcontext


def reach_for(refs: Sequence[ModelRef], downloads: int, cache_size: int | None) -> Reach:
    """What workers need to read models of the hub, if there are any."""
    if not any(ref.source == "hub" for ref in refs):
        return Reach()
    access = current_access()
    if cache_size is not None:
        access = replace(access, cache_bytes=cache_size)
    return Reach(access, Downloads(downloads))
