"""Differences of a scan's models from their bases: `zoo scan --deltas`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.placement import Demand
from zoo_analysis.cluster.processes.task import Room, Task
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.scanning.delta_tasks import MeasuredDelta, delta_method, measure_delta
from zoo_analysis.cluster.scanning.scan_tasks import ScanSettings
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.pairwise.lineage.declared_kin import base_names
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.spectra.methods import Method
from zoo_analysis.store.model_rows import layer_count
from zoo_analysis.texts import few

#: A model and its base, with their revisions.
Derived = tuple[ModelRef, ModelRef]
#: Multiply-adds for each byte of a model, and bytes of a task for each of it, up to a size.
_FLOPS_A_BYTE, _BYTES_A_BYTE, _LARGE = 2**16, 4, 4 << 30
#: Models that a remark names.
_NAMED: Final = 4
#: The name of a repository, and of a folder that is neither hidden nor above.
_REPOSITORY: Final = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


class DeltaSchedule:
    """A task for each model whose base is known.

    Args:
        writer: gets what the tasks yield.
        settings: of the scan.
        derived: the models, with their bases.
        limits: of a model, before its size is known.
    """

    def __init__(
        self,
        writer: RunWriter[Summary],
        settings: ScanSettings,
        derived: Sequence[Derived],
        limits: Limits,
    ) -> None:
        self.writer, self.settings, self.limits = writer, settings, limits
        self.left: Iterator[Derived] = iter(derived)

    def next_task(self, room: Room) -> Task | None:
        """The next model's."""
        if (following := next(self.left, None)) is None:
            return None
        ref, base = following
        limits, asked = delta_limits(ref, base, self.limits), Demand()
        return Task(
            measure_delta,
            (ref, base, self.settings.how, "cpu", self.settings.access, limits),
            self._done,
            partial(_lost, ref),
            **vars(replace(asked, memory=asked.memory + _large(ref))),
        )

    def _done(self, outcome: MeasuredDelta | Failure) -> None:
        if isinstance(outcome, Failure):
            self.writer.fail(outcome)
        else:
            commit_delta(self.writer, outcome)


def delta_limits(ref: ModelRef, base: ModelRef, limits: Limits) -> Limits:
    """Bounds of a model's difference from its base.

    Args:
        ref: the model.
        base: its base.
        limits: of any model.
    """
    flops = _FLOPS_A_BYTE * ref.nbytes
    return limits.of(ref.nbytes + base.nbytes, flops, peak_bytes=_large(ref))


def _large(ref: ModelRef) -> int:
    return _BYTES_A_BYTE * min(ref.nbytes, _LARGE)


def commit_delta(writer: RunWriter[Summary], found: MeasuredDelta) -> None:
    """Have the rows of a difference committed, and tell of it and of what has no partner."""
    for what, names in (("added to", found.added), ("dropped of", found.dropped)):
        if names:
            text = f"layers {what} {found.base.repo_id}, or reshaped: {few(names, _NAMED)}"
            writer.summary.remarks.append((found.ref.repo_id, text))
    for note, count in Counter(found.measured.layers["note"].drop_null().to_pylist()).items():
        writer.summary.remarks.append((found.ref.repo_id, f"{note} ({count} layers)"))
    if writer.add_model(found.rows()):
        layers = layer_count(found.measured.layers)
        further = found.how.id != writer.summary.method
        writer.tell(Event("scanned", found.ref.repo_id, layers, found.ref.nbytes, further))


def derived_models(
    refs: Sequence[ModelRef],
    writer: RunWriter[Summary],
    how: Method,
    access: HubAccess | None,
    variant: str,
) -> list[Derived]:
    """The models whose cards name one base, less those whose differences the store holds.

    Models that failed already are passed over. A base that cannot be found is a failure of the
    model; models that name none, or several, are told of in remarks.

    Args:
        refs: of a scan.
        writer: of the scan.
        how: its method.
        access: how to reach the hub.
        variant: of the weights.
    """
    failed = {each.ref.repo_id for each in writer.summary.failures}
    refs = [ref for ref in refs if ref.repo_id not in failed]
    known = {ref.repo_id: ref for ref in refs}
    found: list[Derived] = []
    without: tuple[list[str], list[str]] = ([], [])
    kept = writer.store.committed(known)
    for ref in refs:
        names = base_names(ref)
        if len(names) != 1:
            without[len(names) > 1].append(ref.repo_id)
            continue
        try:
            base = known.get(names[0]) or base_of(ref, names[0], access, variant)
            ref, base = derived(ref, base)
        except ZooError as error:
            writer.fail(failure(ref, "delta", error, access=access))
            continue
        method = delta_method(how, base).id
        if (ref.repo_id, ref.revision, method) in kept:
            writer.summary.count_further(method, skipped=1)
        else:
            found.append((ref, base))
    for of, what in zip(without, ("no base", "several bases"), strict=True):
        if of:
            text = f"{what} named by {len(of)} of {len(refs)} models, so no difference: "
            writer.summary.remarks.append(("--deltas", text + few(of, _NAMED)))
    return found


def derived(ref: ModelRef, base: ModelRef) -> Derived:
    """A model and its base, with their revisions.

    Raises:
        SourceError: the two are one model.
    """
    ref, base = resolve_revision(ref), resolve_revision(base)
    if (ref.repo_id, ref.revision) == (base.repo_id, base.revision):
        raise SourceError(f"{ref.repo_id} is named as its own base: say which is")
    return ref, base


def base_of(
    ref: ModelRef, named: str, access: HubAccess | None, variant: str = "", *, told: bool = True
) -> ModelRef:
    """A model's base by its name: OWNER/NAME on disk where the model's own folder is OWNER's.

    Args:
        ref: the model.
        named: the base.
        access: how to reach the hub.
        variant: of the weights.
        told: whether files of the model name it: these may be a stranger's, and name a repository,
            no path, catalogue or package of this machine; what a user names is any source.

    Raises:
        SourceError: nothing, or not one model.
    """
    source = SCHEME + named if told else named
    if not _REPOSITORY.fullmatch(named):
        if told:
            raise SourceError(
                f"{ref.repo_id} names {named!r} as its base, which is no repository: say which it "
                "is in `base`"
            )
    elif ref.source == "local" and "/" in named:
        owner, name = named.split("/")
        for parent in Path(ref.path).parents[:2]:
            if parent.name == owner and (parent / name).is_dir():
                source = str(parent / name)
    try:
        return one_model(source, access, variant)
    except SourceError as error:
        raise SourceError(f"base {named!r} of {ref.repo_id}: {error}") from error


def one_model(source: str, access: HubAccess | None, variant: str = "") -> ModelRef:
    """The one model of a source.

    Raises:
        SourceError: nothing, or not one model.
    """
    found = resolve_sources([source], access, variant)
    if len(found.refs) != 1:
        why = "; ".join(problem.message for problem in found.problems)
        raise SourceError(why or f"{source} is {len(found.refs)} models: name one")
    return found.refs[0]


def _lost(ref: ModelRef, error: BaseException, attempts: int) -> Failure:
    return failure(ref, "delta", error, attempts)
