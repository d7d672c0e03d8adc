"""Pairs that several comparisons may be after at once: what another does is left to it."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from zoo_analysis.cluster.account import CorrelateSummary, Event
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.pairwise.pairs import ComparisonPlan, Pair

#: Seconds between two looks at what others do, when there is nothing else left.
_LOOK: Final = 1.0


def parts_of_its_own(
    writer: RunWriter[CorrelateSummary],
    work: ComparisonPlan,
    missing: Callable[[], ComparisonPlan],
    settings: str,
) -> Iterator[ComparisonPlan]:
    """The pairs in parts that no other run does; waits where all that are left are another's.

    Pairs are taken by their first model.

    Args:
        writer: of the run.
        work: the pairs.
        missing: those that the store lacks now.
        settings: of the comparison: another's pairs are the same only where these are.
    """
    left, watched = work, writer.watched
    while pairs := (*left.active, *left.passive):
        names = {f"{settings} {pair.a.repo_id}": pair.a.repo_id for pair in pairs}
        taken = watched.take(names)
        mine = {names[name] for name in taken}
        own = _of(left, lambda pair, mine=mine: pair.a.repo_id in mine)  # type: ignore[misc]
        left = _of(left, lambda pair, mine=mine: pair.a.repo_id not in mine)  # type: ignore[misc]
        watched.progress.elsewhere = len(left.active) + len(left.passive)
        if mine and not watched.alone:  # another may have done them since this run began
            own = _still(writer, own, missing())
        if own.steps:
            yield own
            writer.commit()
        watched.release(taken)
        if not mine:
            writer.commit_if_due()
            time.sleep(_LOOK * random.uniform(0.5, 1.5))


def _of(plan: ComparisonPlan, chosen: Callable[[Pair], bool]) -> ComparisonPlan:
    active, passive = (tuple(filter(chosen, pairs)) for pairs in (plan.active, plan.passive))
    return replace(plan, active=active, passive=passive)


def _still(
    writer: RunWriter[CorrelateSummary], plan: ComparisonPlan, missing: ComparisonPlan
) -> ComparisonPlan:
    """The pairs of a plan that are missing; the others are told of as skipped."""
    before = {(pair.a, pair.b, pair.turn) for pair in (*plan.active, *plan.passive)}
    still = _of(missing, lambda pair: (pair.a, pair.b, pair.turn) in before)
    here = {(pair.a, pair.b) for pair in (*still.active, *still.passive)}
    for a, b in {(a, b) for a, b, _ in before} - here:
        writer.summary.skipped += 1
        writer.tell(Event("skipped", f"{a.repo_id} and {b.repo_id}"))
    return still
