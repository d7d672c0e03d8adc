"""What decides a similarity, and which pairs of models are still to be compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

from zoo_analysis.activations.pooling import Neurons
from zoo_analysis.activations.probe import Kind
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.sources import ModelRef
from zoo_analysis.store import Store

Mode = Literal["full", "partial"]

#: Where two models of one architecture, or two stacks, are compared without any input.
WEIGHTS = "weights"
#: Positions a side that the column `neurons` says nothing of, for they are the usual ones.
_POSITIONS = 4

_KNOWN = """
SELECT DISTINCT measure, probe, mode, neurons, selection,
    repo_id_a, revision_a, repo_id_b, revision_b
FROM similarities
WHERE layer_a IS NULL AND layer_b IS NULL AND list_contains($measures, measure)
"""


class Key(NamedTuple):
    """The columns of `similarities` that say how a number was made."""

    measure: str
    probe: str
    mode: str
    neurons: str
    selection: str


@dataclass(frozen=True)
class How:
    """What decides a similarity beside the models, the measure and the probe.

    Attributes:
        mode: ``full`` compares every layer with every layer (the neuronal correlation with its
            penalty for distance); ``partial`` only layers of comparable output size.
        neurons: what a neuron is: a ``channel`` (samples are images × positions), a ``unit`` (a
            channel at a position; samples are images), or as ``published`` (positions of the first
            channel over ten images).
        layers: which layers, as `activations.capture` takes it.
        positions: grid positions a side that are kept of a layer; None keeps all.
    """

    mode: Mode = "full"
    neurons: Neurons = "channel"
    layers: str = "all"
    positions: int | None = _POSITIONS

    def key(self, measure: Measure, probe: str, kind: Kind) -> Key:
        """How a measure's numbers over a probe are stored; without what they do not depend on."""
        if measure.of == "weights":
            return Key(measure.name, WEIGHTS, "full", WEIGHTS, "all")
        if measure.of == "outputs":
            return Key(measure.name, probe, "full", "outputs", "all")
        return Key(measure.name, probe, self.mode, self.counted(kind), self.layers)

    def counted(self, kind: Kind) -> str:
        """What a neuron is, as it is stored: with the positions where these are not the usual."""
        if kind == "text":
            return "hidden"
        usual = None if self.neurons == "published" else _POSITIONS
        if self.positions == usual:
            return self.neurons
        return f"{self.neurons}/{self.positions or 'all'}"


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
    def heavy(self) -> bool:
        """Whether preparing a layer costs more than comparing it."""
        return self.turn > 1


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

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


def plan(
    refs: Sequence[ModelRef],
    references: frozenset[str],
    measures: Iterable[Measure],
    how: How,
    kinds: Mapping[ModelRef, Kind],
    probes: Mapping[Kind, str],
    known: frozenset[tuple[str, ...]],
) -> Plan:
    """Every pair of models, once, with the measures that the store does not have of it.

    Args:
        refs: with their revisions.
        references: repo_ids of which each pair needs one; all pairs where empty.
        measures: to compute.
        how: they are computed.
        kinds: what each model takes.
        probes: identity of the probe for each kind; one probe for all has the same twice.
        known: keys and models as `known_pairs` gives them.
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
    return Plan(tuple(active), tuple(passive), skipped, apart)


def _turns(measures: Sequence[Measure]) -> list[set[str]]:
    """Measures that are computed together: those of weights, the light ones, each heavy one.

    What a heavy one makes of a layer grows with the square of its samples: one at a time, more of
    it stays in memory from pair to pair.
    """
    weights = {measure.name for measure in measures if measure.of == "weights"}
    heavy = [measure.name for measure in measures if measure.max_samples]
    light = {measure.name for measure in measures} - weights - set(heavy)
    return [weights, light, *({name} for name in heavy)]


def known_pairs(store: Store, measures: Iterable[Measure]) -> frozenset[tuple[str, ...]]:
    """What the store holds of whole models: `Key`, then repo_id and revision of a and of b."""
    if not store.exists():
        return frozenset()
    table = store.run(_KNOWN, {"measures": [measure.name for measure in measures]})
    return frozenset(zip(*(column.to_pylist() for column in table.columns), strict=True))
