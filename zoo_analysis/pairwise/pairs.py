"""Pairs of models that are still to be compared."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from zoo_analysis.activations.probes.probe import Kind
from zoo_analysis.pairwise.settings import WEIGHTS, ComparisonSettings, Key
from zoo_analysis.similarity.all_pairs.layer_products import AT_ONCE
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.sources import ModelRef

#: Turns of pairs: see `_turns`.
_AT_ONCE, _LIGHT = 1, 2


@dataclass(frozen=True)
class Pair:
    """Two models and what is still to be computed of them.

    Attributes:
        a: the one that comes first by repo_id and revision.
        b: the other.
        keys: what is to be computed.
        turn: pairs of a lower one come first.
    """

    a: ModelRef
    b: ModelRef
    keys: tuple[Key, ...]
    turn: int = 0

    @property
    def at_once(self) -> bool:
        """True where products of many layers give the numbers."""
        return self.turn == _AT_ONCE

    @property
    def heavy(self) -> bool:
        """True where preparing a layer costs more than comparing it."""
        return self.turn > _LIGHT


@dataclass(frozen=True)
class ComparisonPlan:
    """The work of a run.

    Attributes:
        active: pairs to compare by what the models do with a probe.
        passive: pairs to compare by their weights.
        skipped: pairs that the store holds, under every measure.
        apart: pairs of an image model and a language model, which no probe can be shown to both.
    """

    active: tuple[Pair, ...]
    passive: tuple[Pair, ...]
    skipped: int
    apart: int

    @property
    def steps(self) -> int:
        """Models to capture and pairs to compare."""
        models = {ref for pair in self.active for ref in (pair.a, pair.b)}
        return len(models) + len(self.active) + len(self.passive)

    def among(self, repo_ids: Collection[str]) -> "ComparisonPlan":
        """The same of pairs that have one of these models."""
        active, passive = (
            tuple(pair for pair in pairs if {pair.a.repo_id, pair.b.repo_id} & set(repo_ids))
            for pairs in (self.active, self.passive)
        )
        return replace(self, active=active, passive=passive)


def plan(
    refs: Sequence[ModelRef],
    references: frozenset[str],
    measures: Iterable[Measure],
    how: ComparisonSettings,
    kinds: Mapping[ModelRef, Kind],
    probes: Mapping[Kind, str],
    known: frozenset[tuple[str, ...]],
) -> ComparisonPlan:
    """The pairs of models to compare, each once, with the measures that the store lacks of it.

    Args:
        refs: with their revisions.
        references: repo_ids of which each pair needs one; all pairs where empty.
        measures: to compute.
        how: they are computed.
        kinds: what each model takes.
        probes: identity of the probe for each kind; one probe for all has the same twice.
        known: `Key`, repo_id and revision of a, and of b, of numbers that are there already.
    """
    by_name = {(ref.repo_id, ref.revision or ""): ref for ref in refs}
    active: list[Pair] = []
    passive: list[Pair] = []
    skipped = apart = 0
    measures = list(measures)
    turns = _turns(measures)
    for first, second in combinations(sorted(by_name), 2):
        if references and not {first[0], second[0]} & references:
            continue
        a, b = by_name[first], by_name[second]
        kind = kinds[a]
        together = kind == kinds[b]
        meant = [m for m in measures if together or m.of == "weights"]
        if not meant:
            apart += 1
            continue
        keys = [how.key(m, "" if m.of == "weights" else probes[kind], kind) for m in meant]
        keys = [key for key in keys if (*key, *first, *second) not in known]
        if not keys:
            skipped += 1
        for turn, names in enumerate(turns):
            part = tuple(key for key in keys if key.measure in names)
            if part:
                (passive if part[0].probe == WEIGHTS else active).append(Pair(a, b, part, turn))
    return ComparisonPlan(tuple(active), tuple(passive), skipped, apart)


def _turns(measures: Sequence[Measure]) -> list[set[str]]:
    """Measures computed together: of weights, of many layers at once, light ones, each heavy one.

    What a heavy one makes of a layer grows with the square of its samples: one at a time, more of
    it stays in memory from pair to pair.
    """
    weights = {measure.name for measure in measures if measure.of == "weights"}
    heavy = [measure.name for measure in measures if measure.max_samples]
    names = {measure.name for measure in measures}
    light = names - weights - set(heavy) - set(AT_ONCE)
    return [weights, names & set(AT_ONCE), light, *({name} for name in heavy)]
