"""Weights that a file keeps in several tensors, or under a wrapper's name.

torch's reparametrisations (``weight_norm`` and ``spectral_norm``, in the old form and as
``parametrizations``), its pruning masks, and the modules that peft wraps. Everything after this
goes by the plain names, ``MODULE.weight``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import Coding, Recipe

_PARAMETRIZED: Final = re.compile(
    r"^(?P<module>(?:.*\.)?)parametrizations\.(?P<parameter>\w+)\.(?P<part>.+)$"
)
_SUFFIXED: Final = re.compile(r"^(?P<plain>(?:.*\.)?\w+)_(?P<part>orig|mask|g|u|v)$")

#: Recipes, and what the tensors of one parameter are called in the order in which each takes them.
_RECIPES: Final[tuple[tuple[Recipe, tuple[str, ...]], ...]] = (
    ("weight_norm", ("v", "g")),
    ("weight_norm", ("original1", "original0")),
    ("spectral_norm", ("orig", "u", "v")),
    ("spectral_norm", ("original", "0._u", "0._v")),
    ("mask", ("orig", "mask")),
)


@dataclass(frozen=True)
class Weight:
    """One weight under its plain name.

    Attributes:
        info: of the weight, under the plain name.
        tensors: of the file that it is made of.
        recipe: how; None for one tensor as it is.
        understood: False if it is reparametrised in a way that the names do not tell.
        mark: what the layer's name keeps of the wrapper (``.base_layer``).
        coding: how the tensors are decoded, where they hold codes.
        outputs_first: whether the decoded weight is (out, in) whatever the module's own order.
        quantized: True if they hold codes of a layout that is not understood.
    """

    info: TensorInfo
    tensors: tuple[str, ...]
    recipe: Recipe | None = None
    understood: bool = True
    mark: str = ""
    coding: Coding | None = None
    outputs_first: bool = False
    quantized: bool = False


def gather(
    tensors: Mapping[str, TensorInfo], coded: Mapping[str, Weight], wrapped: bool
) -> dict[str, Weight]:
    """The weights that `tensors` make up, by plain names, in the order of the tensors.

    Args:
        tensors: of a checkpoint, those of one coded weight as one.
        coded: the coded weights among them, by name.
        wrapped: whether peft's wrappers are to be taken off the names.
    """
    parts: dict[str, dict[str, str]] = {}
    for name in tensors:
        plain, part = _plain(name, tensors)
        parts.setdefault(plain, {})[part] = name
    weights: dict[str, Weight] = {}
    for plain, named in parts.items():
        weight = coded.get(plain) or _weight(plain, named, tensors, coded)
        if wrapped:
            weight = _unwrapped(weight, parts)
        weights[weight.info.name] = weight
    return weights


def plain_name(name: str) -> str | None:
    """The parameter that the tensor `name` of a reparametrised module is of; None if it is none."""
    match = _PARAMETRIZED.match(name)
    return match["module"] + match["parameter"] if match else None


def _plain(name: str, tensors: Mapping[str, TensorInfo]) -> tuple[str, str]:
    """(the plain name, which part of it `name` is, empty for all of it)."""
    if match := _PARAMETRIZED.match(name):
        plain = match["module"] + match["parameter"]
        return (name, "") if plain in tensors else (plain, match["part"])
    match = _SUFFIXED.match(name)
    if not match or match["plain"] in tensors:
        return name, ""
    plain, part = match["plain"], match["part"]
    whole = f"{plain}_orig" in tensors and (f"{plain}_mask" in tensors or f"{plain}_u" in tensors)
    lengths = f"{plain}_v" in tensors and f"{plain}_g" in tensors
    return (plain, part) if whole or (lengths and part in "gv") else (name, "")


def _weight(
    plain: str,
    named: Mapping[str, str],
    tensors: Mapping[str, TensorInfo],
    coded: Mapping[str, Weight],
) -> Weight:
    if "" in named:
        return Weight(tensors[plain], (plain,))
    known = (recipe for recipe in _RECIPES if set(recipe[1]) == named.keys())
    recipe, order = next(known, (None, ()))
    largest = max(named.values(), key=lambda name: tensors[name].nbytes)
    main = named[order[0]] if order else named.get("original", named.get("orig", largest))
    names = tuple(named[part] for part in order) or (main,)
    return Weight(
        replace(tensors[main], name=plain),
        names,
        recipe,
        understood=recipe is not None,
        quantized=any(name in coded for name in named.values()),
    )


def _unwrapped(weight: Weight, taken: Mapping[str, object]) -> Weight:
    name = weight.info.name
    plain = name.removeprefix("base_model.model.").replace(".modules_to_save.default.", ".")
    mark = ".base_layer" if ".base_layer." in plain else ""
    plain = plain.replace(".base_layer.", ".")
    if plain == name or plain in taken:
        return weight
    return replace(weight, info=replace(weight.info, name=plain), mark=mark)
