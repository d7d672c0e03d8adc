"""The plan of a scan, from headers alone: its work, and how long that takes on a cluster."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from zoo_analysis.cluster.placement import DEVICE, GPU_SPEED, Device, Node, gpu_demand, is_there
from zoo_analysis.cluster.planning.machine_rates import known_rates, start_seconds
from zoo_analysis.cluster.planning.machines import machines
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS, LimitError, Limits
from zoo_analysis.cluster.scanning.batches import fit_for_few
from zoo_analysis.cluster.scanning.scan_tasks import Known, is_known
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.repository import NotDownloaded
from zoo_analysis.measure.cost import Forecast, Piece, ScanPlan, cost
from zoo_analysis.measure.rates import Rates
from zoo_analysis.sources import ModelRef, resolve_sources
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.store import Store, as_store
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.deadline import deadline
from zoo_analysis.weights.quiet import unwarned

#: Headers that are read at the same time.
_AT_ONCE = 16


def plan(
    sources: Sequence[str] | str,
    store: Store | str | Path | None = None,
    how: Method | Preset | None = None,
    *,
    variant: str = "",
    device: Device = DEVICE,
    address: str | None = None,
    model_seconds: float = MODEL_SECONDS,
    access: HubAccess | None = None,
) -> ScanPlan:
    """Price of a scan of `sources`, from headers alone; no weights are read or downloaded.

    Kinds of layers are judged by names and shapes alone, so that nothing has to be built: a scan,
    which asks the architecture too, may count a few layers differently.

    Args:
        sources: as `sources.resolve_sources` takes them.
        store: whose models are skipped: a store, or what `open_store` takes.
        how: the method, or the name of its preset; the default one where None.
        variant: of the weights, as `sources.resolve_sources` takes it.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where there is a GPU.
        address: of a Ray cluster whose cores and GPUs are counted; None is ``$RAY_ADDRESS``, a
            running Ray, else this machine.
        model_seconds: that reading a model's headers may take; one that takes longer is skipped.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        SourceError: a source that is nothing.
        ZooError: no cluster at the address, no GPU where one was asked for, or no time for any
            model.
    """
    limits = Limits.allowed(model_seconds)
    resolved = resolve_sources(sources, access, variant)
    store, how = as_store(store), as_method(how)
    known = store.committed({ref.repo_id for ref in resolved.refs}, how.id)
    there, rates = machines(address, device), known_rates(store, how)
    of_gpu = rates.measured.get(there.gpu_kind)
    only_headers = replace(access or default_access(), download=False)
    price = partial(
        _model,
        known=known,
        how=how,
        rates=rates.of(there.kind),
        on_gpu=partial(_on_gpu, how=how, node=there.node, rates=of_gpu, gpus=there.gpus),
        node=there.node,
        access=only_headers,
        limits=limits,
    )
    with unwarned(), ThreadPoolExecutor(_AT_ONCE) as pool:
        models = list(pool.map(price, resolved.refs))
    for problem in resolved.problems:
        models.append(Forecast(problem.repo_id, None, "", skipped=problem.message))
    remarks = tuple((ref.repo_id, text) for ref in resolved.refs for text in ref.remarks)
    calibrated = there.kind in rates.measured and (of_gpu is not None or not there.gpus)
    todo = [ref for ref, model in zip(resolved.refs, models, strict=False) if model.layers]
    start, up = 0.0, is_there(address)
    if todo:
        start = start_seconds(fit_for_few(todo, device, up), up) + rates.of(there.kind).starting
    return ScanPlan(
        tuple(models),
        there.cpus,
        there.kind,
        calibrated,
        remarks,
        there.gpus,
        there.gpu_kind,
        start,
    )


def _model(
    ref: ModelRef,
    known: Known,
    how: Method,
    rates: Rates,
    on_gpu: Callable[[Piece], float | None],
    node: Node,
    access: HubAccess,
    limits: Limits,
) -> Forecast:
    found = Forecast(ref.repo_id, ref.revision, ref.source)
    if is_known(ref, how.id, known):
        return replace(found, layers=0, skipped="in the store already")
    try:
        with deadline(limits.seconds, LimitError), open_checkpoint(ref.path, access) as checkpoint:
            priced = found.priced(checkpoint, how, rates, on_gpu)
        if (peak := priced.peak_bytes) > node.memory:
            needed, there = (f"{nbytes / 1e9:.3g} GB" for nbytes in (peak, node.memory))
            why = f"its largest layer takes {needed} of memory, and the largest node has {there}"
            return replace(found, peak_bytes=peak, skipped=why)
        return priced
    except NotDownloaded as error:
        return replace(found, read_bytes=error.size, skipped=_without(str(error), ref))
    except LimitError:
        seconds = f"{limits.seconds:.0f} s"
        return replace(found, skipped=f"took more than {seconds}: --model-seconds allows more")
    except Exception as error:
        return replace(found, skipped=_without(str(error) or type(error).__name__, ref))


def _without(message: str, ref: ModelRef) -> str:
    """A message without the model's name in front, which has a column of its own."""
    return message.removeprefix(f"{ref.repo_id}: ").removeprefix(f"{ref.path}: ")


def _on_gpu(
    piece: Piece, how: Method, node: Node, rates: Rates | None, gpus: float
) -> float | None:
    """Seconds of a GPU for a piece; None where it stays on a core.

    What nobody has calibrated is taken for `GPU_SPEED` cores, as a scan takes it.
    """
    peak, seconds = piece.cost.peak_bytes, piece.cost.seconds
    if not gpus or peak > node.memory or not gpu_demand(peak, seconds, len(piece.specs), node):
        return None
    if rates is None:
        return seconds / GPU_SPEED
    return sum(cost(spec, how, rates).seconds for spec in piece.specs)
