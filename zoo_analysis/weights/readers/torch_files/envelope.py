"""State dicts inside of what training scripts wrap around them."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.limits import MAX_NAME, MAX_TENSORS
from zoo_analysis.weights.spec import Omission

if TYPE_CHECKING:
    import torch

#: Keys under which a state dict is kept, the plain weights before averages of them.
ENVELOPES: Final = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
    "student",
    "teacher",
    "state_dict_ema",
    "model_ema",
    "params_ema",
    "ema_state_dict",
    "ema",
)

#: Prefixes that wrappers of modules put before every name.
PREFIXES: Final = ("module.", "_orig_mod.", "_forward_module.", "_fsdp_wrapped_module.")

#: Mappings of tensors that are no weights.
_NOT_WEIGHTS: Final = re.compile(
    r"optim|sched|scaler|ema|loss|rng|args|config|hparams|callbacks", re.I
)

#: Mappings of averages of the weights.
_AVERAGES: Final = re.compile(r"(^|_)(ema|averaged?|avg|swa|shadow|teacher|target)(_|$)", re.I)

_DEEPEST: Final = 4
#: Nested deeper, what stands beside the weights is not looked at.
_DEEPEST_ASIDE: Final = 64
#: Entries of dictionaries that are looked at for the weights, the same ones often.
_MOST_LOOKS: Final = 4 * MAX_TENSORS


def unwrap(loaded: Any) -> dict[str, "torch.Tensor"]:
    """The named tensors of a loaded file, in their order; empty if there are none.

    A mapping that holds tensors itself is the state dict, unless the first of `ENVELOPES` in which
    one is found holds more; else that; else its parts are (``encoder``, ``decoder``), each with its
    name before the tensors'. Entries that are not tensors are left out.

    Args:
        loaded: what ``torch.load`` gave.

    Raises:
        CheckpointError: the same parts are in it again and again.
    """
    return _without_prefix(_find(loaded, 0, [0]))


def left_aside(
    loaded: Any, taken: Iterable["torch.Tensor"]
) -> list[tuple[str, "torch.Tensor", Omission]]:
    """The tensors of a loaded file that `unwrap` leaves out: their paths, and why.

    Args:
        loaded: what ``torch.load`` gave.
        taken: the tensors that are read.
    """
    import torch

    taken = list(taken)
    mine, shapes = {id(tensor) for tensor in taken}, {tensor.shape for tensor in taken}
    found: list[tuple[str, torch.Tensor, Omission]] = []
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", loaded, 0)]
    while waiting:
        path, value, level = waiting.pop()
        if isinstance(value, torch.Tensor):
            if id(value) not in mine and not _counts_or_points(value):
                found.append((path, value, _why(path, value, shapes)))
            mine.add(id(value))
        elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            if level > _DEEPEST_ASIDE:
                raise CheckpointError("nested too deeply to be a checkpoint; save tensors only")
            parts = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, part in parts:
                if isinstance(part, torch.Tensor | Mapping | list | tuple):
                    name = f"{path}.{key}" if path else str(key)
                    waiting.append((name[:MAX_NAME], part, level + 1))
    return found[::-1]


def _counts_or_points(tensor: "torch.Tensor") -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.is_quantized)


def _why(path: str, tensor: "torch.Tensor", shapes: "set[torch.Size]") -> Omission:
    import torch

    if tensor.is_quantized:
        return "packed"
    parents = path.split(".")[:-1]
    # A teacher of another architecture is no copy.
    if tensor.shape in shapes and any(_AVERAGES.search(part) for part in parents):
        return "copy"
    if any(_NOT_WEIGHTS.search(part) for part in parents):
        return "training-state"
    return "vector" if tensor.ndim < 2 and tensor.layout == torch.strided else "not-understood"


def _elements(tensors: Mapping[str, "torch.Tensor"]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _find(loaded: Any, level: int, looked: list[int]) -> dict[str, "torch.Tensor"]:
    import torch

    if not isinstance(loaded, Mapping) or level > _DEEPEST:
        return {}
    looked[0] += len(loaded) + len(ENVELOPES)
    if looked[0] > _MOST_LOOKS:
        raise CheckpointError("no weights: the same parts are in it again and again")
    tensors = {
        str(name): value
        for name, value in loaded.items()
        if isinstance(value, torch.Tensor) and value.layout == torch.strided
    }
    # A training script's dict may hold a stray tensor (a random state) beside the envelope.
    whole = any("." in name or value.ndim > 1 for name, value in tensors.items())
    for key in ENVELOPES:
        found = _find(loaded.get(key), level + 1, looked)
        if found and not (whole and _elements(tensors) >= _elements(found)):
            return found
        if found:
            break
    if whole:
        return tensors
    parts = {
        f"{key}.{name}": tensor
        for key, part in loaded.items()
        if not _NOT_WEIGHTS.search(str(key))
        for name, tensor in _find(part, level + 1, looked).items()
    }
    return parts or tensors


def _without_prefix(tensors: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
    for prefix in PREFIXES * 2:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors
