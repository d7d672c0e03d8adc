"""Models to scan: on disk, inside packages, in catalogues, on the hub."""

from zoo_analysis.sources.metadata import with_config
from zoo_analysis.sources.ref import Accuracy, ModelRef, Problem, Resolved
from zoo_analysis.sources.resolve import resolve_sources
from zoo_analysis.sources.revision import resolve_revision

__all__ = [
    "Accuracy",
    "ModelRef",
    "Problem",
    "Resolved",
    "resolve_revision",
    "resolve_sources",
    "with_config",
]
