"""Layers of a model and of its base that belong together, and those that are alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from zoo_analysis.weights import LayerSpec, kernel_dims
from zoo_analysis.weights.layers.adapters.merging import is_of_words


@dataclass(frozen=True)
class Partners:
    """Layers of a model and of its base.

    Attributes:
        pairs: a layer of the model, and that of the base under the same name with the same shape.
        added: layers of the model that the base does not have, or in another shape.
        dropped: layers of the base that the model does not have, or in another shape; of an
            adapter none, which leaves most as they are.
    """

    pairs: tuple[tuple[LayerSpec, LayerSpec], ...]
    added: tuple[LayerSpec, ...]
    dropped: tuple[LayerSpec, ...]

    @property
    def adapter(self) -> bool:
        """True where the model is an adapter of its base: its layers are updates themselves."""
        return any(spec.rank is not None for spec, _ in self.pairs) or any(
            spec.rank is not None for spec in self.added
        )


def partners(tuned: Sequence[LayerSpec], base: Sequence[LayerSpec]) -> Partners:
    """Layers matched by name and shape.

    An update of an adapter belongs to the layer that it names. Where no layer is called so, it is
    the only one whose name ends in that, or that it ends in: a language model's body is saved with
    its prefix and without. A weight that peft saved unmerged beside its update (``….base_layer``)
    is the base's.

    Args:
        tuned: of the model.
        base: of its base.
    """
    by_name = {spec.layer: spec for spec in base}
    alone = {spec.layer.removesuffix(".base_layer") for spec in tuned} - by_name.keys()
    longer: dict[str, list[str]] = {}
    for name in by_name:
        for end in _ends(name):
            if end in alone:
                longer.setdefault(end, []).append(name)
    pairs: list[tuple[LayerSpec, LayerSpec]] = []
    added: list[LayerSpec] = []
    for spec in tuned:
        plain = spec.layer.removesuffix(".base_layer")
        other = by_name.get(spec.layer) or by_name.get(plain)
        if other is None:
            alike = [*longer.get(plain, ()), *by_name.keys() & _ends(plain)]
            other = by_name[alike[0]] if len(alike) == 1 else None
        if other is None or _sides(other, spec.rank is None) != _sides(spec, spec.rank is None):
            added.append(spec)
        else:
            pairs.append((spec, other))
    taken = {other.layer for _, other in pairs}
    found = Partners(tuple(pairs), tuple(added), ())
    dropped = () if found.adapter else tuple(spec for spec in base if spec.layer not in taken)
    return Partners(found.pairs, found.added, dropped)


def _ends(name: str) -> set[str]:
    """A name without its first parts, without one and without more."""
    parts = name.split(".")
    return {".".join(parts[i:]) for i in range(1, len(parts))} - {""}


def _sides(spec: LayerSpec, whole: bool) -> tuple[int, ...]:
    """The dimensions of a kernel; of what an update is added to, its sides alone."""
    if spec.rank is not None:
        return spec.shape[::-1] if is_of_words(spec) else spec.shape
    groups, out, into, elements = kernel_dims(spec)
    if whole:
        return (groups, out, into, elements, *spec.shape[2 if spec.index is None else 3 :])
    return (groups * out, math.prod((into, elements)))
