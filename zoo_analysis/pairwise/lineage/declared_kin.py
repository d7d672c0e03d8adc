"""Descent as models' cards have it."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

from zoo_analysis.sources import ModelRef

Declared = Literal["parent", "kin"]


def declared_kin(refs: Sequence[ModelRef]) -> dict[tuple[int, int], Declared]:
    """Pairs of models that came from one another, or from one ancestor, as their cards have it.

    Args:
        refs: the models; those that others name need not be among them.

    Returns:
        Of pairs (i, j), i < j: ``parent`` where one is the base of the other, ``kin`` where they
        have an ancestor in common otherwise, or one is an earlier ancestor.
    """
    called = {ref.repo_id: ref.repo_id for ref in refs}
    # A model on disk is called after its folders; its name there is what it was saved as.
    for ref in refs:
        if ref.source == "local":
            called.setdefault(ref.repo_id.rpartition("/")[2], ref.repo_id)
    bases = {ref.repo_id: [_meant(base, called) for base in base_names(ref)] for ref in refs}
    ancestors = [_ancestors(ref.repo_id, bases) for ref in refs]
    out: dict[tuple[int, int], Declared] = {}
    for i, j in combinations(range(len(refs)), 2):
        a, b = refs[i].repo_id, refs[j].repo_id
        if a in bases[b] or b in bases[a]:
            out[i, j] = "parent"
        elif ancestors[i] & ancestors[j]:
            out[i, j] = "kin"
    return out


def base_names(ref: ModelRef) -> list[str]:
    """The models that a card names as bases, without revisions.

    Args:
        ref: of the model.
    """
    names = (ref.base_model or "").split(",")
    return [name.strip().partition("@")[0] for name in names if name.strip()]


def _meant(base: str, called: Mapping[str, str]) -> str:
    return called.get(base) or called.get(base.rpartition("/")[2]) or base


def _ancestors(name: str, bases: Mapping[str, Sequence[str]]) -> set[str]:
    """A model, its bases, theirs and so on."""
    found, todo = {name}, [name]
    while todo:
        new = set(bases.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return found
