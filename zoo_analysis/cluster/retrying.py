"""The failures of a run, done again as it was asked for: `zoo retry`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from zoo_analysis.cluster.account import CorrelateSummary, Event, Summary
from zoo_analysis.cluster.correlate import correlate
from zoo_analysis.cluster.scan import scan as scan_models
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.lookup import listed, near
from zoo_analysis.sources import Problem, resolve_sources
from zoo_analysis.spectra.methods import DELTA, Method
from zoo_analysis.store import Store, as_store

_RUNS: Final = """
SELECT scan_id, method, config::JSON AS config FROM scans
WHERE starts_with(scan_id, $scan) AND NOT starts_with(scan_id, 'import')
ORDER BY started_at DESC, scan_id DESC
"""
_FAILED: Final = "SELECT DISTINCT repo_id, stage, error FROM failures WHERE scan_id = $scan"
_CAUSES: Final = "SELECT DISTINCT stage || '/' || error AS cause FROM failures ORDER BY ALL"
#: Settings of a comparison that `correlate` takes again as they were; earlier ones lack some.
_OF_CORRELATE: Final = (
    "measures",
    "reference",
    "mode",
    "neurons",
    "layers",
    "probe",
    "samples",
    "positions",
    "calibrate",
    "device",
    "cache_size",
    "model_seconds",
    "model_memory",
)
#: Settings of a scan, besides its method.
_OF_SCAN: Final = (
    "variant",
    "device",
    "downloads",
    "cache_size",
    "model_seconds",
    "model_memory",
)


@dataclass(frozen=True)
class Retried:
    """The outcome of the failures of a run.

    Attributes:
        of: the run's scan_id.
        models: that had failed, and were tried again.
        summary: of the run that tried them; None where nothing had failed of the causes.
    """

    of: str
    models: int
    summary: Summary | CorrelateSummary | None


def retry(
    store: Store | str | Path | None = None,
    scan: str | None = None,
    causes: Sequence[str] | str = (),
    *,
    address: str | None = None,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> Retried:
    """Do again what failed in a scan or comparison, and nothing else, with the same settings.

    Sources are resolved anew: a repository that was not pinned is taken at its present commit.

    Args:
        store: of the run: a store, or what `open_store` takes.
        scan: the beginning of its scan_id; None is the run that began last.
        causes: only what failed of these: stages, errors, or both as ``open/CheckpointError``; such
            as anything ever failed of in the store, if anything did.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: as `scan` and `correlate` take it.
        on_start: as they take it.

    Returns:
        The account of what was done; a model that its sources do not name any more fails again.

    Raises:
        SourceError: a source that is nothing any more.
        StoreError: there is no store, or it cannot be written.
        ZooError: no such run, no such cause, no cluster.
    """
    store = as_store(store)
    run = _run(store, scan or "")
    of, config = run["scan_id"], json.loads(run["config"])
    names = _failed(store, of, listed(causes))
    if not names:
        return Retried(of, 0, None)
    if not config.get("sources"):
        raise ZooError(f"scan {of} does not tell its sources, as earlier versions did not")
    told: dict[str, Any] = {"address": address, "access": access, "retry_of": of}
    told |= {"on_event": on_event, "on_start": on_start}
    if run["method"] == "lineage":
        raise ZooError(f"{of} compared lineages, all with all: run zoo lineage again")
    if run["method"].startswith(DELTA):
        raise ZooError(f"{of} measured differences: run zoo delta again")
    if run["method"] == "correlate":
        told |= {name: config[name] for name in _OF_CORRELATE if name in config}
        return Retried(of, len(names), correlate(config["sources"], store, among=names, **told))
    resolved = resolve_sources(config["sources"], access, config["variant"] or "")
    refs = tuple(ref for ref in resolved.refs if ref.repo_id in names)
    problems = [problem for problem in resolved.problems if problem.repo_id in names]
    found = {ref.repo_id for ref in refs} | {problem.repo_id for problem in problems}
    gone = f"not among the sources of scan {of} any more"
    problems += [Problem(name, "SourceError", gone) for name in sorted(names - found)]
    told_how = {each.name: config[each.name] for each in fields(Method) if each.name in config}
    how = Method(**told_how)
    told |= {name: config[name] for name in _OF_SCAN} | {"variant": config["variant"] or ""}
    told |= {name: config.get(name, False) for name in ("deltas", "blocks")}
    again = replace(resolved, refs=refs, problems=tuple(problems))
    return Retried(of, len(names), scan_models(again, store, how, **told))


def _run(store: Store, scan: str) -> dict[str, Any]:
    runs: list[dict[str, Any]] = store.run(_RUNS, {"scan": scan}).to_pylist()
    exact = [run for run in runs if run["scan_id"] == scan]
    if not runs:
        raise ZooError(f"no scan {scan} in {store.uri}: `zoo query scans` lists them")
    if scan and len(runs) > 1 and not exact:
        raise ZooError(f"{scan!r} begins {len(runs)} scans: `zoo query scans` lists them")
    return (exact or runs)[0]


def _failed(store: Store, scan: str, causes: Sequence[str]) -> frozenset[str]:
    """Models that failed in a run, of any cause or of these.

    Raises:
        ZooError: a cause that nothing ever failed of, where anything did.
    """
    kinds = store.run(_CAUSES)["cause"].to_pylist()
    known = {name for kind in kinds for name in (kind.lower(), *kind.lower().split("/", 1))}
    for cause in causes:
        if kinds and cause.lower() not in known:
            hint = near(cause, kinds, f"causes are {', '.join(kinds)}")
            raise ZooError(f"nothing ever failed of {cause!r}; {hint}")
    wanted = {cause.lower() for cause in causes}
    rows = store.run(_FAILED, {"scan": scan}).to_pylist()
    return frozenset(row["repo_id"] for row in rows if not wanted or wanted & _names_of(row))


def _names_of(failure: dict[str, Any]) -> set[str]:
    """Stage, error and both, as a cause is given."""
    stage, error = str(failure["stage"]).lower(), str(failure["error"]).lower()
    return {stage, error, f"{stage}/{error}"}
