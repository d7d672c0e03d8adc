"""A scan's models by one method: what is known without opening anything needs no process."""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.processes.task import Workers
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.scanning.machine_rates import (
    known_rates,
    learnt_rows,
    predicted,
    rate_rows,
)
from zoo_analysis.cluster.scanning.scan_schedule import ScanSchedule
from zoo_analysis.cluster.scanning.scan_tasks import ScanSettings, is_known
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import ModelRef, resolve_revision
from zoo_analysis.spectra.methods import Method
from zoo_analysis.store import Store

#: Bytes of models on disk that are read here to see whether they are known.
_BYTES_HASHED: Final = 256 << 20


@dataclass(frozen=True)
class ScanByMethod:
    """A scan's models by one method: those that the store holds, and those to be measured.

    Attributes:
        how: the method.
        known: models that the store holds.
        todo: models to be measured.
        revisions: that the store holds, by model.
    """

    how: Method
    known: Sequence[ModelRef]
    todo: Sequence[ModelRef]
    revisions: Mapping[str, set[str]]

    def run(
        self,
        writer: RunWriter[Summary],
        workers: Workers,
        processor: Literal["cpu", "cuda"],
        access: HubAccess | None,
        limits: Limits,
    ) -> None:
        """Measure what is to be measured; by a further method, of what has not failed already."""
        todo, summary = self.todo, writer.summary
        if self.how.id != summary.method:
            failed = {each.ref.repo_id for each in summary.failures}
            for ref in (ref for ref in todo if ref.repo_id in failed):
                writer.tell(Event("skipped", ref.repo_id, bytes=ref.nbytes, further=True))
            todo = [ref for ref in todo if ref.repo_id not in failed]
        if not todo:
            return
        rates = known_rates(writer.store, replace(self.how, of="layers"))
        settings = ScanSettings(self.how, processor, access, rates)
        schedule = ScanSchedule(writer, settings, todo, self.revisions, limits)
        try:
            run_tasks(schedule.next_task, workers, writer.commit_if_due)
            while schedule.wait_for_others():
                run_tasks(schedule.next_task, workers, writer.commit_if_due)
        finally:
            writer.commit()  # before workers are ended, which takes time
        spent = schedule.spent.values()
        summary.predicted += predicted(spent, rates, workers.cpus(), workers.gpus())
        if self.how.of == "layers":  # what blocks take says nothing of layers
            learnt = rate_rows(learnt_rows(spent, rates), self.how, summary.scan_id)
            writer.store.append("rates", learnt)


def known_and_new(store: Store, refs: Sequence[ModelRef], how: Method) -> ScanByMethod:
    """Models of a scan by what the store holds of them under a method.

    Those on disk are hashed for it as far as that takes no time; the rest counts as new.
    """
    known = store.committed({ref.repo_id for ref in refs}, how.id) if refs else set()
    revisions: dict[str, set[str]] = {}
    for repo_id, revision, _ in known:
        revisions.setdefault(repo_id, set()).add(revision)
    seen = list(_with_revisions(refs, revisions))
    held = [ref for ref in seen if is_known(ref, how.id, known)]
    todo = [ref for ref in seen if not is_known(ref, how.id, known)]
    return ScanByMethod(how, held, todo, revisions)


def _with_revisions(refs: Sequence[ModelRef], known: Container[str]) -> Iterator[ModelRef]:
    """Models, of those on disk that may be known the revision, as far as that takes no time."""
    left = _BYTES_HASHED
    for ref in refs:
        if ref.revision is None and ref.repo_id in known and ref.nbytes <= left:
            left -= ref.nbytes
            with suppress(ZooError):  # the worker says so
                ref = resolve_revision(ref)
        yield ref
