"""What a scan would do and take, from headers alone."""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from zoo_analysis.cluster.session import ray_session
from zoo_analysis.cluster.worker import one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.repository import NotDownloaded
from zoo_analysis.measure.cost import EIGEN, cost
from zoo_analysis.sources import ModelRef, Problem, resolve_sources
from zoo_analysis.spectra import Method, analyze_kernel
from zoo_analysis.store import Store, open_store
from zoo_analysis.weights import list_layers, open_checkpoint

#: Headers that are read at the same time.
_AT_ONCE = 16
#: Seconds of one core that a layer and a model take besides their flops: rough guesses.
_LAYER, _MODEL = 0.01, 0.1


PLAN_COLUMNS = pa.schema(
    [
        ("repo_id", pa.string()),
        ("revision", pa.string()),
        ("source", pa.string()),
        ("layers", pa.int64()),
        ("read_bytes", pa.int64()),
        ("gram_flops", pa.float64()),
        ("eigen_flops", pa.float64()),
        ("peak_bytes", pa.int64()),
        ("seconds", pa.float64()),
        ("skipped", pa.string()),
    ]
)


@dataclass(frozen=True)
class Forecast:
    """One model of a plan.

    Attributes:
        layers: matrices to be measured; None where the header is not known without a download.
        read_bytes: of the tensors to be read, or of the files where they come whole.
        gram_flops, eigen_flops: multiply-adds of Gram matrices and of eigenproblems.
        peak_bytes: memory of the largest layer.
        seconds: of one core.
        longest: seconds of the layer that takes longest.
        skipped: why the model, or some of its layers, will not be measured; empty if it is whole.
    """

    repo_id: str
    revision: str | None
    source: str
    layers: int | None = None
    read_bytes: int = 0
    gram_flops: float = 0.0
    eigen_flops: float = 0.0
    peak_bytes: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    skipped: str = ""


@dataclass(frozen=True)
class ScanPlan:
    """All models of a plan, and what they take together on `cpus` cores."""

    models: tuple[Forecast, ...]
    cpus: int

    @property
    def seconds(self) -> float:
        """Predicted wall clock of the scan: of its work, or of its longest layer."""
        work = sum(model.seconds for model in self.models) / self.cpus
        return max([work, *(model.longest for model in self.models)])

    def table(self) -> pa.Table:
        """A row a model; columns of `PLAN_COLUMNS`."""
        rows = [
            {name: getattr(model, name) for name in PLAN_COLUMNS.names} for model in self.models
        ]
        return pa.Table.from_pylist(
            [{**row, "skipped": row["skipped"] or None} for row in rows], schema=PLAN_COLUMNS
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("layers", "read_bytes", "gram_flops", "eigen_flops")
        totals = {name: sum(getattr(model, name) or 0 for model in self.models) for name in names}
        peak = max((model.peak_bytes for model in self.models), default=0)
        return {
            "models": [asdict(model) for model in self.models],
            "totals": totals | {"peak_bytes": peak, "seconds": self.seconds, "cpus": self.cpus},
        }


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
    known: frozenset[tuple[str, str, str]],
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
    rate = _rate(how)
    only_headers = replace(access or default_access(), download=False)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        models = list(pool.map(lambda ref: _model(ref, known, how, rate, only_headers), refs))
    models += [Forecast(problem.repo_id, None, "", skipped=problem.message) for problem in problems]
    return ScanPlan(tuple(models), _cpus(address))


def _model(
    ref: ModelRef,
    known: frozenset[tuple[str, str, str]],
    how: Method,
    rate: float,
    access: HubAccess,
) -> Forecast:
    found = Forecast(ref.repo_id, ref.revision, ref.source)
    if (ref.repo_id, ref.revision, how.id) in known:
        return replace(found, layers=0, skipped="in the store already")
    try:
        with open_checkpoint(ref.path, access) as checkpoint:
            specs = list_layers(checkpoint, {}, split_qkv=how.split_qkv)
            sizes = {name: info.nbytes for name, info in checkpoint.tensors.items()}
    except NotDownloaded as error:
        return replace(found, read_bytes=error.size, skipped=_without(str(error), ref))
    except (ZooError, OSError) as error:
        return replace(found, skipped=_without(str(error), ref))
    costs = [cost(spec, how) for spec in specs]
    names = {name for spec in specs if spec.status is None for name in spec.tensors}
    longest = max((c.gram + c.eigen for c in costs), default=0.0) / rate
    gram, eigen = sum(c.gram for c in costs), sum(c.eigen for c in costs)
    quantized = sum(spec.status is not None for spec in specs)
    reason = f"{quantized} quantized layers" if quantized else ""
    return replace(
        found,
        layers=len(specs) - quantized,
        read_bytes=sum(sizes[name] for name in names),
        gram_flops=gram,
        eigen_flops=eigen,
        peak_bytes=max((c.peak_bytes for c in costs), default=0),
        seconds=_MODEL + _LAYER * len(specs) + (gram + eigen) / rate,
        longest=longest,
        skipped=reason if specs else "no weight matrix",
    )


def _without(message: str, ref: ModelRef) -> str:
    """A message without the model's name in front, which has a column of its own."""
    return message.removeprefix(f"{ref.repo_id}: ").removeprefix(f"{ref.path}: ")


def _rate(how: Method) -> float:
    """Multiply-adds a second of one core of this machine, from a layer of middling size."""
    kernel = np.random.default_rng(0).standard_normal((1, 1024, 768), dtype=np.float32)
    import torch

    plain = replace(how, randomize=False, alternatives=False, max_fingers=0)
    times = []
    with one_thread():
        for _ in range(3):
            start = time.perf_counter()
            analyze_kernel(torch.from_numpy(kernel), plain)
            times.append(time.perf_counter() - start)
    return float((1024 * 768**2 + EIGEN * 768**3) / min(times))


def _cpus(address: str | None) -> int:
    if ray.is_initialized() or address or os.environ.get("RAY_ADDRESS"):
        with ray_session(address):
            return max(1, int(ray.cluster_resources().get("CPU", 1)))
    return os.cpu_count() or 1
