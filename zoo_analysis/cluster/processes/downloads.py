"""Permits for downloads, shared by a whole cluster."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ray

from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.sources import ModelRef

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


def access_for(
    refs: Sequence[ModelRef], downloads: int, cache_size: int | None, access: HubAccess | None
) -> HubAccess | None:
    """The access that workers read models of the hub by; None where there are none to read.

    Args:
        refs: models to be read.
        downloads: at the same time, on the whole cluster: the access's gate.
        cache_size: bytes on each node; None is what `access` says.
        access: how to reach the hub; None is `hub.access.default_access`.
    """
    if not any(ref.source == "hub" for ref in refs):
        return None
    access = access or default_access()
    if cache_size is not None:
        access = replace(access, cache_bytes=cache_size)
    return replace(access, gate=Downloads(downloads))
