"""Common parts of tasks on a worker: one thread, and failures that come back as values."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import ModelRef
from zoo_analysis.texts import LONGEST, clean

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """A model that failed: in which stage, of what, after how many attempts."""

    ref: ModelRef
    stage: str
    error: str
    message: str
    attempts: int = 1

    def __post_init__(self) -> None:
        clean(self)

    def row(self, scan_id: str) -> dict[str, Any]:
        """Columns of the table `failures`, as something that failed now."""
        told = self.as_dict() | {"revision": self.ref.revision, "attempts": self.attempts}
        return told | {"scan_id": scan_id, "failed_at": datetime.now(UTC)}

    def about(self, what: str) -> "Failure":
        """The same, its message beginning with what else it is about."""
        return replace(self, message=f"{what}: {self.message}")

    def as_dict(self) -> dict[str, str]:
        """Plain values, for JSON."""
        told = {name: getattr(self, name) for name in ("stage", "error", "message")}
        return {"repo_id": self.ref.repo_id, **told}


@contextmanager
def one_thread(threads: int = 1) -> Iterator[None]:
    """One BLAS thread a core: workers side by side beat threads inside each of them.

    Args:
        threads: as many as the task has cores, where it has more than one.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        yield


def failure(
    ref: ModelRef,
    stage: str,
    error: BaseException,
    attempts: int = 1,
    access: HubAccess | None = None,
) -> Failure:
    """A failure from an exception, its message on one line and without secrets."""
    error = getattr(error, "cause", None) or error  # what Ray wraps says more than the wrapping
    message = " ".join(_COLOUR.sub("", str(error)).split()) or type(error).__name__
    for token in (os.environ.get("HF_TOKEN"), access.token if access else None):
        if token:
            message = message.replace(token, "…")
    return Failure(ref, stage, type(error).__name__, message[:LONGEST], attempts)


def unwritten(ref: ModelRef, error: BaseException) -> Failure:
    """A model whose rows the tables do not take, such as a number beyond 64 bits."""
    return failure(ref, "commit", error).about("its rows cannot be written")
