"""The factor of an adapter's update, α/r and its kin, from peft's adapter_config.json."""

import math
from collections.abc import Mapping
from typing import Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.texts import storable
from zoo_analysis.weights.layers.patterns import MOST_PATTERNS, matches

#: Ways to begin LoRA in which peft takes what the factors begin as out of the weight.
_OUT_OF_THE_BASE: Final = ("pissa", "olora", "corda", "loftq", "lora_ga")


def changed_base(adapter: Mapping[str, Any]) -> str | None:
    """The way in which an adapter began that changed its base, so that its update is no ΔW.

    PiSSA (Meng et al. 2024), OLoRA, CorDA, LoftQ and LoRA-GA begin with factors that are not zero,
    and with W less their product, or quantised. Saved as plain LoRA (peft's
    `path_initial_model_for_weight_conversion`) they tell of none.

    Args:
        adapter: contents of adapter_config.json; may be empty.
    """
    begun = str(adapter.get("init_lora_weights")).lower()
    return begun if begun.startswith(_OUT_OF_THE_BASE) else None


def rank_of(adapter: Mapping[str, Any], layer: str) -> int | None:
    """r of the module `layer`, from `rank_pattern` or `r`; None where the config has neither."""
    rank = _number(adapter, "r", _of_layer(adapter, "rank_pattern", layer, adapter.get("r")))
    if rank is not None and (rank < 0 or rank % 1):
        raise CheckpointError(f"adapter_config.json: r is {rank:g}, no rank")
    return None if rank is None else int(rank)


def strength(adapter: Mapping[str, Any], layer: str, rank: float | None) -> float:
    """The factor of the update of the module `layer`; 1 where the config does not tell.

    α/r, with `use_rslora` α/√r (Kalajdzievski 2023), and as peft has it for AdaLoRA α/(r + 10⁻⁵).

    Args:
        adapter: contents of adapter_config.json; may be empty.
        layer: module path without peft's wrapper.
        rank: r.

    Raises:
        CheckpointError: a pattern that is none, or a number that is none.
    """
    key = "lora_alpha" if "lora_alpha" in adapter else "alpha"
    alpha = _number(adapter, key, _of_layer(adapter, "alpha_pattern", layer, adapter.get(key)))
    if alpha is None or not rank:
        return 1.0
    if adapter.get("peft_type") == "ADALORA":
        return (alpha if alpha > 0 else rank) / (rank + 1e-5)
    return alpha / (math.sqrt(rank) if adapter.get("use_rslora") else rank)


def _of_layer(adapter: Mapping[str, Any], key: str, layer: str, otherwise: Any) -> Any:
    patterns = adapter.get(key) or {}
    if not isinstance(patterns, dict):
        raise CheckpointError(f"adapter_config.json: {key} is no object")
    if len(patterns) > MOST_PATTERNS:
        told = f"{len(patterns):,} patterns, more than {MOST_PATTERNS:,}"
        raise CheckpointError(f"adapter_config.json: {key} has {told}")
    for pattern, value in patterns.items():
        if matches(pattern, layer, key):
            return value
    return otherwise


def _number(adapter: Mapping[str, Any], key: str, value: Any) -> float | None:
    if value is None or isinstance(value, (list, bool)):  # AdaLoRA's patterns are masks
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise CheckpointError(f"adapter_config.json: {key} is {storable(repr(value))}, no number")
    return number
