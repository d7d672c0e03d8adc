"""Copies of weights that lie beside those in use: averages, and modules that were replaced."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo

#: Modules that follow another one as a running average: exponential and stochastic averages,
#: teachers of DINO and mean-teacher, momentum and target encoders of MoCo, BYOL and I-JEPA.
_AVERAGE: Final = re.compile(
    r"(^|_)(ema|averaged?|avg|swa|shadow|momentum|teacher|target)(_|$)|^(encoder|key)_k$|^key_encoder$",
    re.IGNORECASE,
)


def averaged_copies(tensors: Mapping[str, TensorInfo]) -> set[str]:
    """Names in `tensors` of copies of other ones: the plain network counts, its average does not.

    A module is a copy if its name says that it is an average, and every one of its tensors has a
    counterpart of its name and shape under one other module. An average alone in its file, or a
    teacher of another architecture, is a network like any other.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in tensors:
        path = name.split(".")
        for depth, part in enumerate(path[:-1]):
            if _AVERAGE.search(part):
                groups[".".join(path[: depth + 1])].append(name)
                break
    copies: set[str] = set()
    if not groups:
        return copies
    averages = {name for names in groups.values() for name in names}
    # LitEma stores the names that it averages without their dots.
    plain = {name.replace(".", ""): name for name in tensors if name not in averages}
    for module, names in groups.items():
        rests = {name[len(module) :].replace(".", ""): tensors[name].shape for name in names}
        matrices = {rest: shape for rest, shape in rests.items() if len(shape) > 1}
        longest = max(matrices, key=len, default="")
        starts = [key.removesuffix(longest) for key in plain if longest and key.endswith(longest)]
        for start in starts:
            found = {rest: plain.get(start + rest) for rest in matrices}
            if all(name and tensors[name].shape == matrices[rest] for rest, name in found.items()):
                copies.update(names)
                break
    return copies


def replaced_modules(tensors: Mapping[str, TensorInfo]) -> set[str]:
    """Names in `tensors` of modules in whose place peft put fully trained ones."""
    return {name for name in tensors if ".original_module." in f".{name}"}
