"""All pairs of some models: who is kin to whom, which tree joins them, and what their cards say."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from zoo_analysis.pairwise.lineage.ancestry import descent
from zoo_analysis.pairwise.lineage.declared_kin import declared_kin
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint
from zoo_analysis.pairwise.lineage.kinship import UNKNOWN, Kinship, kinship
from zoo_analysis.pairwise.lineage.pair_rows import kinship_of, pair_rows
from zoo_analysis.pairwise.settings import LEVEL
from zoo_analysis.sources import ModelRef
from zoo_analysis.stats.coincidences import holm_log_p
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow

#: Distance of strangers, and of models without a layer in common.
_APART: Final = math.sqrt(2)
#: Kurtosis that differs by less, of its size, is the same.
_SAME: Final = 1e-6

Pair = tuple[int, int]


@dataclass(frozen=True)
class FamilyStep:
    """A step of a family's tree.

    Attributes:
        parent: number of the model that the other came from.
        child: number of the other.
        told: whether the two themselves tell the direction.
    """

    parent: int
    child: int
    told: bool


def kinship_rows(
    refs: Sequence[ModelRef], prints: Sequence[Fingerprint], level: float = LEVEL
) -> list[KinshipRow]:
    """Rows of all pairs: each measure, then what they amount to.

    Args:
        refs: the models, with their revisions.
        prints: their fingerprints.
        level: chance of a false alarm of the independence test among all pairs together.
    """
    order = sorted(range(len(refs)), key=lambda i: (refs[i].repo_id, refs[i].revision or ""))
    refs, prints = [refs[i] for i in order], [prints[i] for i in order]
    rows = {
        (i, j): compared_rows(refs[i], refs[j], prints[i], prints[j])
        for i, j in combinations(range(len(refs)), 2)
    }
    return judged(refs, rows, level)


def compared_rows(
    ref_a: ModelRef, ref_b: ModelRef, a: Fingerprint, b: Fingerprint
) -> list[KinshipRow]:
    """Rows of what two fingerprints tell, as `pair_rows` makes them.

    Args:
        ref_a: one model, which comes before the other by name and revision.
        ref_b: the other.
        a: the one's fingerprint.
        b: the other's.
    """
    notes = [f"{ref.repo_id}: {of.remark}" for ref, of in ((ref_a, a), (ref_b, b)) if of.remark]
    kurtosis = sum(a.kurtosis.values()), sum(b.kurtosis.values())
    return pair_rows(key_of(ref_a, ref_b), kinship(a, b), kurtosis, "; ".join(notes))


def key_of(a: ModelRef, b: ModelRef) -> KinshipRow:
    """The row that all of a pair begin as."""
    return KinshipRow(
        repo_id_a=a.repo_id,
        revision_a=a.revision or "",
        repo_id_b=b.repo_id,
        revision_b=b.revision or "",
        measure="kinship",
    )


def judged(
    refs: Sequence[ModelRef], rows: Mapping[Pair, Sequence[KinshipRow]], level: float = LEVEL
) -> list[KinshipRow]:
    """Rows of pairs, with what depends on all of them: Holm's p, who is kin, trees, what cards say.

    Args:
        refs: the models, in the order of names and revisions.
        rows: of pairs (i, j) of them, i < j, as `pair_rows` makes them, judged earlier or not;
            of pairs that are missing nothing is known.
        level: chance of a false alarm of the independence test among all pairs together.
    """
    found = defaultdict(lambda: UNKNOWN, {pair: kinship_of(of) for pair, of in rows.items()})
    tests = {pair: k.test for pair, k in found.items() if k.test is not None}
    holm, published = (
        dict(zip(tests, holm_log_p(logs), strict=True))
        for logs in (
            [test.log_p for test in tests.values()],
            [test.spearman_log_p for test in tests.values()],
        )
    )
    related = {pair: _related(k, holm.get(pair), level) for pair, k in found.items()}
    kurtosis = [0.0] * len(refs)
    for (i, j), of in rows.items():
        for model, told in ((i, of[-1].kurtosis_a), (j, of[-1].kurtosis_b)):
            kurtosis[model] = kurtosis[model] if told is None else told
    steps = {
        (min(step.parent, step.child), max(step.parent, step.child)): step
        for family in families([pair for pair in rows if related[pair]])
        for step in family_steps(family, found, kurtosis)
    }
    declared = declared_kin(refs)
    out: list[KinshipRow] = []
    for pair, of in rows.items():
        p_holm = {"units": holm.get(pair), "spearman": published.get(pair)}
        out += [_adjusted(row, p_holm.get(row.measure), level) for row in of[:-1]]
        step = steps.get(pair)
        out.append(
            replace(
                of[-1],
                related=related[pair],
                step=step is not None,
                parent=refs[step.parent].repo_id if step is not None and step.told else None,
                declared=declared.get(pair),
            )
        )
    return out


def _adjusted(row: KinshipRow, log_p: float | None, level: float) -> KinshipRow:
    if log_p is None:
        return row
    return replace(row, p_holm=math.exp(log_p), related=_rejected(log_p, level))


def families(related: Sequence[Pair]) -> list[list[int]]:
    """Models in groups in which kinship joins all, directly or by others.

    Args:
        related: pairs that are kin.
    """
    import networkx as nx

    return [sorted(family) for family in nx.connected_components(nx.Graph(related))]


def family_steps(
    family: Sequence[int], found: Mapping[Pair, Kinship], kurtosis: Sequence[float]
) -> list[FamilyStep]:
    """The steps of a family's tree, see `ancestry.descent`.

    Models whose units stand in another order than those of the most are a tree of their own, whose
    root is joined to the nearest of the others; that tells no direction.

    Args:
        family: numbers of its models, ascending.
        found: the kinship of all pairs.
        kurtosis: of all models.
    """
    near = [(i, j) for i, j in combinations(family, 2) if _in_one_order(found[i, j])]
    orders = families([*near, *((i, i) for i in family)])
    first, *others = sorted(orders, key=lambda order: (-len(order), order))
    steps = _steps(first, found, kurtosis)
    for order in others:
        own = _steps(order, found, kurtosis)
        root = (set(order) - {step.child for step in own}).pop()
        parent = min(first, key=lambda i: _apart(found[min(i, root), max(i, root)]))
        steps += [FamilyStep(parent, root, False), *own]
    return steps


def _in_one_order(found: Kinship) -> bool:
    return found.distance is not None and found.distance < 1


def _steps(
    family: Sequence[int], found: Mapping[Pair, Kinship], kurtosis: Sequence[float]
) -> list[FamilyStep]:
    """The steps among models whose units stand in one order."""
    if len(family) < 2:
        return []
    distances = np.zeros((len(family), len(family)))
    known: dict[Pair, bool] = {}
    silent: set[Pair] = set()
    for (a, i), (b, j) in combinations(enumerate(family), 2):
        pair = found[i, j]
        distances[a, b] = distances[b, a] = _apart(pair)
        if pair.coarser:
            known[a, b], known[b, a] = pair.coarser > 0, pair.coarser < 0
        elif abs(kurtosis[i] - kurtosis[j]) <= _SAME * (1 + abs(kurtosis[i])):
            silent |= {(a, b), (b, a)}
            known[a, b] = known[b, a] = True
    tree = descent(distances, [kurtosis[i] for i in family], known)
    return [
        FamilyStep(family[parent], family[child], (parent, child) not in silent)
        for child, parent in enumerate(tree.parents)
        if parent is not None
    ]


def _apart(found: Kinship) -> float:
    """Distance of two models of a family, and the less the more of their layers are equal.

    What an adapter left as it was tells whose it was. Permuted models have no distance
    but by what was aligned: for matrices of unit norm ‖K − L‖² is 2(1 − ⟨K, L⟩).
    """
    distance = _APART if found.distance is None else found.distance * found.changed
    if found.aligned is None or distance < 1:
        return distance
    return min(distance, math.sqrt(2 * (1 - min(found.aligned, 1.0))))


def _related(found: Kinship, holm: float | None, level: float) -> bool | None:
    if holm is None and found.aligned is None:
        return None
    return _rejected(holm, level) or found.alike


def _rejected(holm: float | None, level: float) -> bool:
    return holm is not None and holm <= math.log(level)
