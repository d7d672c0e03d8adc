"""All pairs of some models: who is kin to whom, which tree joins them, and what their cards say."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from zoo_analysis.pairwise.lineage.ancestry import descent
from zoo_analysis.pairwise.lineage.declared_kin import declared_kin
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint
from zoo_analysis.pairwise.lineage.kinship import Kinship, kinship
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
    pairs = list(combinations(range(len(refs)), 2))
    found = {(i, j): kinship(prints[i], prints[j]) for i, j in pairs}
    tested = {pair: k.test.log_p for pair, k in found.items() if k.test is not None}
    holm = dict(zip(tested, holm_log_p(list(tested.values())), strict=True))
    related = {pair: _related(found[pair], holm.get(pair), level) for pair in pairs}
    kurtosis = [sum(each.kurtosis.values()) for each in prints]
    steps = {
        (min(step.parent, step.child), max(step.parent, step.child)): step
        for family in families([pair for pair in pairs if related[pair]])
        for step in family_steps(family, found, kurtosis)
    }
    declared = declared_kin(refs)
    rows: list[KinshipRow] = []
    for i, j in pairs:
        key = KinshipRow(
            repo_id_a=refs[i].repo_id,
            revision_a=refs[i].revision or "",
            repo_id_b=refs[j].repo_id,
            revision_b=refs[j].revision or "",
            measure="kinship",
        )
        rows += _measured(key, found[i, j], holm.get((i, j)), level)
        step = steps.get((i, j))
        rows.append(
            replace(
                key,
                value=kurtosis[j] - kurtosis[i],
                related=related[i, j],
                step=step is not None,
                parent=refs[step.parent].repo_id if step is not None and step.told else None,
                declared=declared.get((i, j)),
                reason="; ".join(found[i, j].reasons) or None,
            )
        )
    return rows


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


def _measured(
    key: KinshipRow, found: Kinship, holm: float | None, level: float
) -> list[KinshipRow]:
    rows: list[KinshipRow] = []
    if found.test is not None and holm is not None:
        rows.append(
            replace(
                key,
                measure="units",
                value=found.test.share,
                p_value=math.exp(found.test.log_p),
                log10_p=found.test.log_p / math.log(10),
                p_holm=math.exp(holm),
                n=found.test.units,
                layers=found.test.layers,
                related=_rejected(holm, level),
            )
        )
    if found.aligned is not None:
        rows.append(
            replace(
                key,
                measure="aligned_cka",
                value=found.aligned,
                layers=found.aligned_layers,
                related=found.alike,
            )
        )
    if found.distance is not None:
        rows.append(
            replace(key, measure="distance", value=found.distance, layers=found.shared_layers)
        )
    return rows
