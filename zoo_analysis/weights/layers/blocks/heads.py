"""Heads that attention has, from the architecture's modules or from the configuration."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from zoo_analysis.weights.spec import LayerSpec

_NAMES: Final = (
    *("num_attention_heads", "num_heads", "n_heads", "n_head", "nhead", "decoder_attention_heads"),
    *("encoder_attention_heads", "attention_heads"),
)
#: Attention whose scores are of channels with channels: no product of weights is behind them.
_OF_CHANNELS: Final = re.compile(r"XCA|CrossCovariance|Channel", re.IGNORECASE)
_PART: Final = re.compile(r"\[\w+\]$")
#: The number of a stage in a layer's name, in networks of which each stage has heads of its own.
_STAGE: Final = re.compile(r"\.(?:layers|blocks?|stages|levels)\.(\d+)\.")
#: Modules above a projection that may say it: BERT's attention.self, torch's attention.
_ABOVE: Final = 2


def module_heads(modules: Mapping[str, Any]) -> dict[str, int]:
    """Heads of the modules that are attention, by path, as they say it or their configuration does.

    Args:
        modules: of an architecture, by path.
    """
    found = {}
    for path, module in modules.items():
        name = type(module).__name__
        if "att" not in name.lower() or _OF_CHANNELS.search(name):
            continue
        heads = _count(vars(module)) or _count(_plain(getattr(module, "config", None)))
        if heads:
            found[path] = heads
    return found


def with_heads(
    specs: Sequence[LayerSpec],
    told: Callable[[str], int | None],
    config: Mapping[str, Any],
) -> tuple[LayerSpec, ...]:
    """The layers, of which projections to queries know how many heads they are for.

    Args:
        specs: of the layers.
        told: heads of a module by its path, as the architecture has them; None where it does not
            say.
        config: config.json of the model, for what the architecture does not say; where it describes
            several networks, that whose name is in the layer's.
    """
    return tuple(
        replace(spec, heads=heads)
        if spec.role == "q" and (heads := _heads(spec.layer, told, config))
        else spec
        for spec in specs
    )


def _heads(layer: str, told: Callable[[str], int | None], config: Mapping[str, Any]) -> int | None:
    module = _PART.sub("", layer)
    for _ in range(_ABOVE):
        module = module.rpartition(".")[0]
        if heads := told(module):
            return heads
    inner = {
        key.removesuffix("_config"): heads
        for key, value in config.items()
        if key.endswith("_config") and isinstance(value, Mapping) and (heads := _count(value))
    }
    if not inner:
        return _count(config) or _of_stage(config, layer)
    named = {heads for name, heads in inner.items() if name in layer}
    return named.pop() if len(named) == 1 else None


def _of_stage(config: Mapping[str, Any], layer: str) -> int | None:
    """Heads of the stage that a layer is in, if the configuration has a list (SegFormer)."""
    stage = _STAGE.search(f".{layer}")
    listed = next((each for name in _NAMES if isinstance(each := config.get(name), list)), [])
    if stage is None or int(stage[1]) >= len(listed):
        return None
    return _count({_NAMES[0]: listed[int(stage[1])]})


def _plain(config: Any) -> Mapping[str, Any]:
    """The values of a configuration's attributes, which transformers knows by several names."""
    return {name: getattr(config, name, None) for name in _NAMES}


def _count(values: Mapping[str, Any]) -> int | None:
    """The first that is a number of heads."""
    told = (values.get(name) for name in _NAMES)
    return next((each for each in told if type(each) is int and each > 0), None)
