"""Quality metrics from the weights of whole model zoos.

`analyze` measures one model, `scan` a zoo on Ray, `correlate` compares its models with each other,
`open_store` asks what was measured.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo_analysis.cluster.correlate import correlate
    from zoo_analysis.cluster.scan import scan
    from zoo_analysis.measure.analyze import analyze
    from zoo_analysis.store import open_store

__all__ = ["analyze", "correlate", "open_store", "scan"]

_HOME = {
    "analyze": "zoo_analysis.measure.analyze",
    "correlate": "zoo_analysis.cluster.correlate",
    "open_store": "zoo_analysis.store",
    "scan": "zoo_analysis.cluster.scan",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch and Ray take seconds."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
