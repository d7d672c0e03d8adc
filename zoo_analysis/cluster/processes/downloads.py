"""Permits for downloads, shared by a whole cluster."""

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray

#: Seconds between two signs of life of whoever holds a permit, and without one after which it is
#: given to another.
_SIGN, _LEASE = 10.0, 45.0


class Permits:
    """So many permits; whoever asks for one more waits. Runs as one actor of the cluster.

    Ray starts it anew when its node is lost. Then it knows from their signs of life who holds a
    permit, and gives none until it has heard them all.

    Args:
        count: permits.
        sign: seconds between two signs of life.
        anew: whether there was another before it.
    """

    def __init__(self, count: int, sign: float = _SIGN, anew: bool | None = None) -> None:
        if anew is None:
            anew = ray.get_runtime_context().was_current_actor_reconstructed
        self._count, self._held = count, dict[str, float]()
        self._changed = asyncio.Condition()
        self._from = time.monotonic() + (2 * sign if anew else 0)

    async def take(self, holder: str) -> None:
        """Wait for a permit; asked twice by one holder, it is one."""
        async with self._changed:
            while not self._free(holder):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 1)
            self._held[holder] = time.monotonic() + _LEASE

    def _free(self, holder: str) -> bool:
        now = time.monotonic()
        self._held = {each: until for each, until in self._held.items() if until > now}
        return holder in self._held or (now >= self._from and len(self._held) < self._count)

    async def keep(self, holder: str) -> None:
        """Hear that a holder lives."""
        self._held[holder] = time.monotonic() + _LEASE

    async def give_back(self, holder: str) -> None:
        """Let the next one have it."""
        async with self._changed:
            self._held.pop(holder, None)
            self._changed.notify()


class Downloads:
    """The gate that every download of a scan passes; sent to the workers.

    Args:
        count: downloads at the same time on the whole cluster.
    """

    def __init__(self, count: int) -> None:
        options = {"num_cpus": 0, "max_concurrency": 10_000}
        again = {"max_restarts": -1, "max_task_retries": -1}
        self.permits: Any = ray.remote(Permits).options(**options, **again).remote(count, _SIGN)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold a permit inside the `with`."""
        holder, over = uuid.uuid4().hex, threading.Event()
        ray.get(self.permits.take.remote(holder))

        def keep() -> None:
            while not over.wait(_SIGN):
                self.permits.keep.remote(holder)

        threading.Thread(target=keep, daemon=True).start()
        try:
            yield
        finally:
            over.set()
            self.permits.give_back.remote(holder)
