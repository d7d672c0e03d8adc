"""How often the hub's API is asked."""

import threading
import time
from collections import deque
from typing import Final


class Budget:
    """At most so many calls in any so many seconds; more of them wait."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._times: deque[float] = deque(maxlen=calls)
        self._calls, self._seconds = calls, seconds
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when one more call is within the budget."""
        with self._lock:
            now = time.monotonic()
            if len(self._times) == self._calls and now - self._times[0] < self._seconds:
                time.sleep(self._seconds - (now - self._times[0]))
            self._times.append(time.monotonic())


#: The hub grants a few thousand in five minutes; where it is less, its RateLimit headers say so.
#: Only the driver asks for metadata, so its budget is that of the whole cluster.
BUDGET: Final = Budget(calls=2500, seconds=300.0)
