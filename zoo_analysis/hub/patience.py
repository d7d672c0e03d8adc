"""The time that a server's answer may take in all, however often a byte of it comes."""

import math
import time
from collections.abc import Callable
from typing import Any


class Patience:
    """Seconds that a socket may wait for the next bytes, as it asks before each: fewer at the end.

    Neither headers that drip, nor answers before the answer (1xx), nor the seams between the blocks
    of a body ever come to who reads the body: the socket alone sees them all.

    Args:
        silence: seconds without a byte.
        seconds: from now on, in which all must be there.
        late: makes the error that is raised then.
    """

    def __init__(self, silence: float, seconds: float, late: Callable[[], Exception]) -> None:
        self.silence, self.late = silence, late
        self.until = time.monotonic() + seconds

    def __index__(self) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise self.late()
        return math.ceil(min(left, self.silence))

    @property
    def extensions(self) -> dict[str, Any]:
        """Those of a request of httpx."""
        timeouts: dict[str, Any] = dict.fromkeys(("connect", "write", "pool"), self.silence)
        return {"timeout": timeouts | {"read": self}}
