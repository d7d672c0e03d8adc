"""Tasks of a comparison, on a worker. Nothing here raises: what fails comes back as a `Failure`."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import ray

from zoo_analysis.activations import Captured, capture, captured
from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.probes.probe import Probe
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.folders import user_cache
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.pairwise.by_products import compare_at_once
from zoo_analysis.pairwise.by_weights import compare_weights
from zoo_analysis.pairwise.pairs import Pair
from zoo_analysis.pairwise.prepared import PreparedCache
from zoo_analysis.pairwise.scores import ROWS, Scores, similarity_rows
from zoo_analysis.pairwise.settings import ComparisonSettings, Key
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import ModelRef, resolve_revision

#: What this worker prepared for the pairs before.
_prepared = PreparedCache()


@dataclass(frozen=True)
class Ready:
    """A model's activations are there.

    Attributes:
        forwarded: whether the model was run for them, now.
        seconds: that it took.
        numbers: that its activations are.
        samples: that they are of.
    """

    forwarded: bool
    seconds: float
    numbers: int
    samples: int


@dataclass(frozen=True)
class Compared:
    """All numbers of a pair.

    Attributes:
        rows: of `SIMILARITIES`, less whose run they are of; one without layers a measure.
        seconds: that it took.
        reasons: why some measure has no number of this pair.
        incomparable: how many have none.
        failures: measures that failed, which have no rows.
    """

    rows: pa.Table
    seconds: float
    reasons: tuple[str, ...]
    incomparable: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class CorrelateSettings:
    """Settings of a comparison that every task is given.

    Attributes:
        how: see `ComparisonSettings`.
        device: where models run and products are computed.
        cache_bytes: that a node's disk gives to activations.
        access: how models of the hub are read; None where there are none.
        permutations: of samples, by which scores are calibrated.
    """

    how: ComparisonSettings
    device: str
    cache_bytes: int
    access: HubAccess | None
    permutations: int = 0


def revision_of(ref: ModelRef, limits: Limits) -> ModelRef | Failure:
    """The model with its revision, for which its files are read."""
    try:
        with bounded(limits):
            return resolve_revision(ref)
    except (Exception, LimitError) as error:
        return failure(ref, "revision", error)


@ray.remote(num_cpus=1, num_returns=2)
def capture_model(
    ref: ModelRef, probe: Probe, settings: CorrelateSettings, limits: Limits
) -> tuple[Ready | Failure, Captured | None]:
    """Run a model over a probe, or find what this node kept of that.

    What comes back first is small and for the driver; the activations stay where they are, to be
    shared by all pairs. Lost with their node, they are made again by running this once more.
    """
    start = time.perf_counter()

    def make() -> Captured:
        device, access = settings.device, settings.access
        network = load_network(ref.path, ref.architecture, device=device, access=access)
        return capture(network, probe, layers=settings.how.layers, positions=settings.how.positions)

    try:
        with _quiet(), bounded(limits):
            access, how = settings.access, settings.how
            endpoint = access.endpoint if access and ref.source == "hub" else ""
            key = (endpoint, ref.repo_id, ref.revision, probe.id, how.layers, how.positions)
            seen, hit = captured(key, make, user_cache() / "activations", settings.cache_bytes)
        numbers = sum(layer.values.size for layer in seen.layers)
        return Ready(not hit, time.perf_counter() - start, numbers, seen.n), seen
    except (Exception, LimitError) as error:
        return failure(ref, "capture", error, access=settings.access), None


@ray.remote(num_cpus=1)
def compare_models(
    pairs: Sequence[Pair],
    refs: Sequence[ModelRef],
    settings: CorrelateSettings,
    *seen_and_limits: Any,
) -> list[Compared | Failure]:
    """Compare what models made of one probe, under each measure that is still missing.

    Args:
        pairs: of the models.
        refs: the models.
        settings: for every task.
        seen_and_limits: of each of them, what `capture_model` left; then the limits of the task,
            of which each pair has its share.
    """
    *seen, limits = seen_and_limits
    share = replace(limits, seconds=limits.seconds / len(pairs))
    shown = {
        ref: ModelActivations(
            (ref.repo_id, ref.revision, each.probe, settings.how, settings.device), each
        )
        for ref, each in zip(refs, seen, strict=True)
        if each is not None
    }

    start = time.perf_counter()
    try:
        with bounded(limits), _quiet():
            known = _at_once([pair for pair in pairs if pair.at_once], shown, settings)
    except (Exception, LimitError):  # which costs the pair that it is about, in its turn alone
        known = {}
    beforehand = (time.perf_counter() - start) / len(pairs)

    def score(pair: Pair, key: Key) -> Scores:
        if pair.a not in shown or pair.b not in shown:
            raise ZooError("activations were lost and could not be made again: run this again")
        if pair in known:
            return known[pair][key.measure]
        return compare_activations(
            shown[pair.a],
            shown[pair.b],
            get_measure(key.measure),
            settings.how,
            device=settings.device,
            cache=_prepared,
            permutations=settings.permutations,
        )

    if known:
        scored = (_scored(pair, partial(score, pair), settings) for pair in pairs)
        return [replace(each, seconds=each.seconds + beforehand) for each in scored]
    return [_compared(pair, partial(score, pair), settings, share) for pair in pairs]


def _at_once(
    pairs: Sequence[Pair], shown: Mapping[ModelRef, ModelActivations], settings: CorrelateSettings
) -> dict[Pair, dict[str, Scores]]:
    """Scores of pairs whose layers are compared in products of many."""
    there = [pair for pair in pairs if pair.a in shown and pair.b in shown]
    if not there:
        return {}
    names = dict.fromkeys(key.measure for pair in there for key in pair.keys)
    found = compare_at_once(
        [(shown[pair.a], shown[pair.b]) for pair in there],
        [get_measure(name) for name in names],
        settings.how,
        device=settings.device,
        cache=_prepared,
        permutations=settings.permutations,
    )
    return dict(zip(there, found, strict=True))


@ray.remote(num_cpus=1)
def compare_checkpoints(
    pair: Pair, settings: CorrelateSettings, limits: Limits
) -> list[Compared | Failure]:
    """Compare two models' weights, under each measure that is still missing."""

    def score(key: Key) -> Scores:
        measure = get_measure(key.measure)
        return compare_weights(pair.a, pair.b, measure, settings.device, settings.access)

    return [_compared(pair, score, settings, limits)]


def _compared(
    pair: Pair, score: Callable[[Key], Scores], settings: CorrelateSettings, limits: Limits
) -> Compared | Failure:
    try:
        with bounded(limits):
            return _scored(pair, score, settings)
    except LimitError as error:
        return failure(pair.a, "compare", error).about(f"with {pair.b.repo_id}")


def _scored(pair: Pair, score: Callable[[Key], Scores], settings: CorrelateSettings) -> Compared:
    start = time.perf_counter()
    rows, reasons, failures = [], [], []
    for key in pair.keys:
        try:
            with _quiet():
                found = score(key)
        except Exception as error:
            failed = failure(pair.a, "compare", error, access=settings.access)
            failures.append(failed.about(f"{key.measure} with {pair.b.repo_id}"))
            continue
        rows.append((key, found.scores))
        if found.scores[-1].value is None:
            reasons.append(f"{key.measure}: {found.reason}")
    a, b = ((ref.repo_id, ref.revision) for ref in (pair.a, pair.b))
    table = similarity_rows(a, b, rows) if rows else ROWS.empty_table()
    seconds = time.perf_counter() - start
    return Compared(table, seconds, tuple(dict.fromkeys(reasons)), len(reasons), tuple(failures))


@contextmanager
def _quiet() -> Iterator[None]:
    """One thread, and no warning: arrays that Ray shares are read-only, which torch warns of."""
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
