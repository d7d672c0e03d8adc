"""The state of a run as metrics of Ray, which Prometheus collects."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from zoo_analysis.store.live.run_state import RunState

#: Metrics by name, and what they mean; Ray puts ``ray_`` before the names.
GAUGES: Final[Mapping[str, tuple[str, Callable[[RunState], float | None]]]] = {
    "zoo_total": ("Models, or steps of a comparison.", lambda run: run.total),
    "zoo_done": ("Of these, measured or known before.", lambda run: run.done),
    "zoo_skipped": ("Of these, known before.", lambda run: run.skipped),
    "zoo_running": ("Begun.", lambda run: run.running),
    "zoo_waiting": ("Not begun.", lambda run: run.waiting),
    "zoo_elsewhere": ("Not begun, because another run does them.", lambda run: run.elsewhere),
    "zoo_layers": ("Layers measured.", lambda run: run.layers),
    "zoo_bytes": ("Bytes of weights of models that are over.", lambda run: run.bytes),
    "zoo_bytes_total": ("Bytes of weights of all models.", lambda run: run.bytes_total),
    "zoo_an_hour": ("Models, or steps, an hour.", lambda run: run.an_hour),
    "zoo_seconds_left": ("Seconds that the rest takes.", lambda run: run.seconds_left),
}
#: What failed, by cause.
FAILED: Final = "zoo_failed"


class Gauges:
    """Ray's metrics of one run; made when Ray is up, which a run on a few small models never is."""

    def __init__(self) -> None:
        self._gauges: dict[str, Any] = {}

    def show(self, run: RunState) -> None:
        """Set all of them to what a run came to so far; without Ray this does nothing."""
        if "ray" not in sys.modules or not sys.modules["ray"].is_initialized():
            return
        if not self._gauges:
            from ray.util.metrics import Gauge

            for name, (meaning, _) in GAUGES.items():
                self._gauges[name] = Gauge(name, meaning, ("scan", "method"))
            keys = ("scan", "method", "cause")
            self._gauges[FAILED] = Gauge(FAILED, "What failed, by stage and error.", keys)
        tags = {"scan": run.scan_id, "method": run.method}
        for name, (_, value) in GAUGES.items():
            if (number := value(run)) is not None:
                self._gauges[name].set(number, tags)
        for cause, count in run.causes.items():
            self._gauges[FAILED].set(count, tags | {"cause": cause})
