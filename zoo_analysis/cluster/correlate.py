"""Compare every model with every other, each run once: `zoo correlate`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import ray

from zoo_analysis.activations.pooling import Neurons
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.activations.probes.probe import Kind, Probe
from zoo_analysis.cluster.account import CorrelateSummary, Event
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.comparing.correlate_schedule import CorrelateSchedule
from zoo_analysis.cluster.comparing.correlate_tasks import CorrelateSettings, revision_of
from zoo_analysis.cluster.comparing.shared_pairs import parts_of_its_own
from zoo_analysis.cluster.flow import run_tasks, side_by_side
from zoo_analysis.cluster.listening import listeners
from zoo_analysis.cluster.placement import DEVICE, Device, device_for, is_there
from zoo_analysis.cluster.processes.downloads import Downloads
from zoo_analysis.cluster.processes.ray_workers import RayWorkers
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS, Limits
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import DOWNLOADS, HubAccess, default_access
from zoo_analysis.lookup import listed
from zoo_analysis.pairwise.pairs import ComparisonPlan, plan
from zoo_analysis.pairwise.reference import kind_of, with_reference
from zoo_analysis.pairwise.settings import (
    ACTIVATION_BYTES,
    MEASURE,
    SAMPLES,
    ComparisonSettings,
    Mode,
)
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.null_calibration import LEVEL
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import ModelRef, resolve_sources
from zoo_analysis.store import Store, as_store

#: What models are shown unless told otherwise.
_PROBES: Mapping[Kind, str] = {"images": "photos", "text": "text"}
_KNOWN = """
SELECT DISTINCT measure, probe, mode, neurons, selection,
    repo_id_a, revision_a, repo_id_b, revision_b
FROM similarities
WHERE layer_a IS NULL AND layer_b IS NULL AND list_contains($measures, measure)
    AND (value IS NULL OR coalesce(permutations, 0) >= $permutations)
"""


def correlate(
    sources: Sequence[str] | str,
    store: Store | str | Path | None = None,
    *,
    measures: Sequence[str] | str = (MEASURE,),
    reference: str | None = None,
    mode: Mode = ComparisonSettings.mode,
    neurons: Neurons = ComparisonSettings.neurons,
    layers: str = ComparisonSettings.layers,
    probe: str | None = None,
    samples: int = SAMPLES,
    positions: int | None = None,
    device: Device = DEVICE,
    address: str | None = None,
    calibrate: int = 0,
    cache_size: int = ACTIVATION_BYTES,
    model_seconds: float = MODEL_SECONDS,
    model_memory: int | None = None,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
    among: Collection[str] = (),
    retry_of: str | None = None,
) -> CorrelateSummary:
    """Compare models pair by pair and commit the numbers; those the store holds are skipped.

    Every model is run once over the probe, however many it is compared with. Pairs that another
    comparison of the store is doing are left to it, and done here if it does not come to them.

    Args:
        sources: as `sources.resolve_sources` takes them.
        store: a store, or what `open_store` takes.
        measures: names of `similarity.measures`.
        reference: compare each model with this one only: a repo_id, or a source of one model. All
            pairs where None.
        mode: ``full`` or ``partial``: see `ComparisonSettings`.
        neurons: ``channel``, ``unit`` or ``published``: see `ComparisonSettings`; of a
            language model a neuron is always a hidden dimension.
        layers: which layers, as `activations.capture` takes it.
        probe: as `activations.load_probe` takes it; None is photographs for image models and a text
            for language models.
        samples: of the probe, at most.
        positions: grid positions a side that are kept of a layer; None is 4, and all for
            ``published``.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where the cluster has a GPU.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray.
        calibrate: permutations of samples from which each number gets a p-value and a calibrated
            value, 0 for none; pairs that are stored with fewer are computed anew.
        cache_size: bytes on each node for activations, kept from run to run.
        model_seconds: that running a model, or comparing a pair, may take besides what their sizes
            explain.
        model_memory: bytes that a task may take, of 80 % of its node's at most; None is by the
            sizes of models and activations.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model and pair when it is done; a notebook shows a bar unless given.
        on_start: told how many models there are, and how many steps will be told of.
        among: only pairs with one of these repo_ids; all where empty.
        retry_of: the run_id of the comparison whose failures these are, for the record.

    Returns:
        The account; models and pairs that failed are rows of `failures`.

    Raises:
        SourceError: a source that is nothing.
        SimilarityError: an unknown measure.
        ActivationError: a probe that is nothing.
        StoreError: a store that cannot be written.
        ZooError: fewer than two models, no such reference, no cluster, no GPU where one was asked
            for, limits that no model could keep, or permutations of what has no samples.
    """
    limits = Limits.allowed(model_seconds, model_memory)
    names = sorted(set(listed(measures)))
    chosen = [get_measure(name) for name in dict.fromkeys(listed(measures))]
    _check_permutations(calibrate, chosen)
    how = ComparisonSettings.chosen(mode, neurons, layers, positions)
    resolved = resolve_sources(sources, access)
    refs, of = list(resolved.refs), frozenset[str]()
    if reference is not None:
        refs, name = with_reference(refs, reference, access)
        of = frozenset([name])
    if len(refs) + len(resolved.problems) < 2:
        raise ZooError(f"comparing takes two models, here {len(refs)}; name more sources")
    shown: dict[Kind, Probe] = {}
    if any(measure.of != "weights" for measure in chosen):
        for kind in sorted({kind_of(ref) for ref in refs}):
            shown[kind] = load_probe(probe or _PROBES[kind], how.samples(samples))
    store = as_store(store)
    ids = {kind: probe.id for kind, probe in shown.items()}
    summary = CorrelateSummary(store.uri, probes=tuple(sorted(set(ids.values()))))
    config = asdict(how) | {
        "measures": [each.name for each in chosen],
        "probes": summary.probes,
        "sources": resolved.sources,
        "reference": reference,
        "probe": probe,
        "samples": samples,
        "positions": positions,
        "calibrate": calibrate,
        "device": device,
        "cache_size": cache_size,
        "model_seconds": model_seconds,
        "model_memory": model_memory,
        "retry_of": retry_of,
    }
    on_event, on_start = listeners("comparing", on_event, on_start, steps=True)
    with RunWriter(store, summary, on_event, config) as writer:
        writer.refuse(resolved.problems)
        if not is_there(address):
            writer.tell(Event("starting", "Ray"))
        with ray_session(address) as link:
            refs = _with_revisions(refs, writer, limits)
            kinds = {ref: kind_of(ref) for ref in refs}

            def missing() -> ComparisonPlan:
                known = known_pairs(store, chosen, calibrate)
                found = plan(refs, of, chosen, how, kinds, ids, known)
                return found.among(among) if among else found

            work = missing()
            summary.models, summary.skipped, summary.apart = len(refs), work.skipped, work.apart
            writer.watched.progress.begin(work.steps)
            if on_start:
                on_start(len(refs), work.steps)
            if work.steps:
                gated = None
                if any(ref.source == "hub" for ref in refs):
                    gated = replace(access or default_access(), gate=Downloads(DOWNLOADS))
                settings = CorrelateSettings(how, device_for(device), cache_size, gated, calibrate)
                probes = {kind: (ray.put(probe), probe.n) for kind, probe in shown.items()}
                workers = RayWorkers(link)
                try:
                    asked = f"{how} {names} {ids} {calibrate}"
                    for mine in parts_of_its_own(writer, work, missing, asked):
                        schedule = CorrelateSchedule(
                            writer, settings, mine, lambda ref: probes[kinds[ref]], limits
                        )
                        run_tasks(schedule.next_task, workers, writer.commit_if_due)
                finally:
                    writer.commit()  # before Ray is left, which takes time
    return summary


def _check_permutations(permutations: int, measures: Sequence[Measure]) -> None:
    """Refuses permutations that are too few, or of weights, which have no samples."""
    least = round(1 / LEVEL) - 1
    if permutations and permutations < least:
        raise ZooError(
            f"`calibrate` {permutations}: at a level of {LEVEL:g}, {least} permutations are the "
            "least"
        )
    weights = [measure.name for measure in measures if measure.of == "weights"]
    if permutations and weights:
        raise ZooError(
            f"`calibrate` permutes samples, and {', '.join(weights)} has none: leave it out"
        )


def known_pairs(
    store: Store, measures: Iterable[Measure], permutations: int = 0
) -> frozenset[tuple[str, ...]]:
    """Numbers of whole models that the store holds, calibrated by as many permutations or more.

    Returns:
        The columns of `Key`, then repo_id and revision of a and of b.
    """
    if not store.exists():
        return frozenset()
    names = [measure.name for measure in measures]
    table = store.run(_KNOWN, {"measures": names, "permutations": permutations})
    return frozenset(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _with_revisions(
    refs: Sequence[ModelRef], writer: RunWriter[CorrelateSummary], limits: Limits
) -> list[ModelRef]:
    """The models with their revisions; those on disk are read for it, side by side."""
    unknown = [ref for ref in refs if not ref.revision]
    found: list[ModelRef | Failure] = side_by_side(
        revision_of,
        [(ref, limits.of(ref.nbytes)) for ref in unknown],
        on_error=lambda number, error: failure(unknown[number], "revision", error),
    )
    resolved = dict(zip(unknown, found, strict=True))
    out = []
    for ref in refs:
        answer = resolved.get(ref, ref)
        if isinstance(answer, Failure):
            writer.fail(answer)
        else:
            writer.report(answer)
            out.append(answer)
    return out
