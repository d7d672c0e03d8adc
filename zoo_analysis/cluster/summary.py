"""What a scan tells while it runs and when it is over."""

import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from zoo_analysis.cluster.worker import Failure


def new_scan_id() -> str:
    """Sortable by time, unique."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class Event:
    """Something happened to a model; `bytes` of its weights are done with it."""

    kind: Literal["scanned", "skipped", "failed", "piece"]
    repo_id: str
    layers: int = 0
    bytes: float = 0.0


@dataclass
class Summary:
    """A scan's account of itself.

    Attributes:
        scan_id: key of its rows in `scans` and `failures`.
        scanned: models whose rows were committed.
        skipped: models the store held already.
        failed: models in `failures`.
        layers: rows added to `layers`.
        seconds: wall clock.
        store: the store's URI.
        method: the method's id.
        failures: what failed.
    """

    store: str
    method: str
    scan_id: str = field(default_factory=new_scan_id)
    scanned: int = 0
    skipped: int = 0
    failed: int = 0
    layers: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = asdict(self)
        plain["failures"] = [
            {
                "repo_id": failure.ref.repo_id,
                "stage": failure.stage,
                "error": failure.error,
                "message": failure.message,
            }
            for failure in self.failures
        ]
        return plain
