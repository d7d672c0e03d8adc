"""The plan of a scan, from headers alone: its work, and how long that takes on a cluster."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import ray

from zoo_analysis.cluster.placement import cpus
from zoo_analysis.cluster.scan_tasks import Committed, is_known
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.cluster.worker import one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.repository import NotDownloaded
from zoo_analysis.measure.cost import Forecast, ScanPlan, flop_rate
from zoo_analysis.sources import ModelRef, Problem, resolve_sources
from zoo_analysis.spectra import Method
from zoo_analysis.store import Store, open_store
from zoo_analysis.weights import open_checkpoint

#: Headers that are read at the same time.
_AT_ONCE = 16


def plan(
    sources: Sequence[str],
    store: Store | str | None = None,
    how: Method | None = None,
    *,
    address: str | None = None,
    access: HubAccess | None = None,
) -> ScanPlan:
    """Price of a scan of `sources`, from headers alone.

    Args:
        sources: as `sources.resolve_sources` takes them.
        store: whose models are skipped: a store or its URI; None is ``$ZOO_STORE``, else
            ``./zoo-store``.
        how: the method; the default one where None.
        address: as `forecast` takes it.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        SourceError: a source that is nothing.
        ZooError: no cluster at the address.
    """
    resolved = resolve_sources(sources, access)
    opened = store if isinstance(store, Store) else open_store(store)
    known = frozenset(opened.committed())
    return forecast(resolved.refs, resolved.problems, known, how or Method(), address, access)


def forecast(
    refs: Sequence[ModelRef],
    problems: Iterable[Problem],
    known: Committed,
    how: Method,
    address: str | None = None,
    access: HubAccess | None = None,
) -> ScanPlan:
    """Read the headers of models and price their layers; no weights are read or downloaded.

    Kinds of layers are judged by names and shapes alone, so that nothing has to be built: a scan,
    which asks the architecture too, may count a few layers differently.

    Args:
        refs: models as resolved.
        problems: met in resolving them.
        known: (repo_id, revision, method) of what the store holds.
        how: the method.
        address: of a Ray cluster whose cores are counted; None is ``$RAY_ADDRESS``, a running Ray,
            else this machine.
        access: how to reach the hub; None is `hub.access.default_access`.
    """
    with one_thread():
        rate = flop_rate(how)
    only_headers = replace(access or default_access(), download=False)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        models = list(pool.map(lambda ref: _model(ref, known, how, rate, only_headers), refs))
    models += [Forecast(problem.repo_id, None, "", skipped=problem.message) for problem in problems]
    return ScanPlan(tuple(models), _cpus(address))


def _model(
    ref: ModelRef, known: Committed, how: Method, rate: float, access: HubAccess
) -> Forecast:
    found = Forecast(ref.repo_id, ref.revision, ref.source)
    if is_known(ref, how, known):
        return replace(found, layers=0, skipped="in the store already")
    try:
        with open_checkpoint(ref.path, access) as checkpoint:
            return found.priced(checkpoint, how, rate)
    except NotDownloaded as error:
        return replace(found, read_bytes=error.size, skipped=_without(str(error), ref))
    except (ZooError, OSError) as error:
        return replace(found, skipped=_without(str(error), ref))


def _without(message: str, ref: ModelRef) -> str:
    """A message without the model's name in front, which has a column of its own."""
    return message.removeprefix(f"{ref.repo_id}: ").removeprefix(f"{ref.path}: ")


def _cpus(address: str | None) -> int:
    if ray.is_initialized() or address or os.environ.get("RAY_ADDRESS"):
        with ray_session(address):
            return cpus()
    return os.cpu_count() or 1
