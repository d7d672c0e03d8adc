"""Kinds and order of tensors from the architecture itself, built without weights or remote code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from zoo_analysis.weights.layers.blocks.heads import module_heads
from zoo_analysis.weights.layers.building import BUILD_SECONDS, build, load_library
from zoo_analysis.weights.layers.composed import plain_name
from zoo_analysis.weights.layers.confinement import OverdueError, confined
from zoo_analysis.weights.quiet import quietly
from zoo_analysis.weights.spec import Kind, TensorKind


@dataclass(frozen=True)
class Blueprint:
    """The tensors of an architecture, by the names of its state dict without reparametrisations.

    Attributes:
        positions: every tensor's place in the order of definition.
        verdicts: what a tensor is, None for one that is no matrix; tensors of modules of no known
            type are missing here, and names and shapes decide.
        aliases: a tied tensor's name → the name it is counted under.
        prefix: of the base model, which checkpoints may lack or have in excess (``bert.``).
        heads: of attention, by the paths of the modules that say how many they have.
    """

    positions: Mapping[str, int]
    verdicts: Mapping[str, TensorKind | None]
    aliases: Mapping[str, str]
    prefix: str
    heads: Mapping[str, int] = field(default_factory=dict)

    def find(self, name: str) -> str | None:
        """The architecture's name for the checkpoint's `name`; None if it has no such tensor."""
        return next((each for each in self._spelt(name) if each in self.positions), None)

    def heads_of(self, module: str) -> int | None:
        """Heads of the checkpoint's `module`; None where the architecture does not say it."""
        return next((self.heads[each] for each in self._spelt(module) if each in self.heads), None)

    def _spelt(self, name: str) -> tuple[str, str, str]:
        return name, self.prefix + name, name.removeprefix(self.prefix)


def blueprint(
    config: Mapping[str, Any], architecture: str | None = None, tensors: int = 1000
) -> Blueprint | None:
    """The architecture that `config` names, or None where it names none that can be built.

    Nothing is read, fetched or run for it but the libraries' own code (see `confined`).

    Args:
        config: config.json of a timm or a transformers model; may be empty.
        architecture: ``timm:NAME``, instead of what the config names.
        tensors: of the checkpoint: a network has no more layers.
    """
    if architecture is None and not any(key in config for key in ("architecture", "model_type")):
        return None
    with quietly():
        try:
            load_library(config, architecture)
            # Anything may go wrong inside a library when a config does not fit its version.
            with confined(BUILD_SECONDS), torch.device("meta"):
                model = build(config, architecture, tensors)
        except (Exception, OverdueError):
            return None
        return None if model is None else describe(model)


def describe(model: nn.Module) -> Blueprint:
    """The blueprint of `model`, which may be on the meta device."""
    modules = dict(model.named_modules(remove_duplicate=False))
    state = model.state_dict(keep_vars=True)
    verdicts: dict[str, TensorKind | None] = {}
    aliases: dict[str, str] = {}
    first_name: dict[int, str] = {}
    for stored, tensor in state.items():
        name = plain_name(stored) or stored
        path, _, parameter = name.rpartition(".")
        if not isinstance(tensor, nn.Parameter):
            verdicts[name] = None
        elif parameter == "weight" and (verdict := _verdict(modules[path])):
            verdicts[name] = verdict
        canonical = first_name.setdefault(id(tensor), name)
        if canonical != name:
            aliases[name] = canonical
    prefix = getattr(model, "base_model_prefix", "")
    positions = {plain_name(name) or name: position for position, name in enumerate(state)}
    told = module_heads(modules)
    return Blueprint(positions, verdicts, aliases, f"{prefix}." if prefix else "", told)


def _verdict(module: nn.Module) -> TensorKind | None:
    kinds: tuple[tuple[type[nn.Module], Kind], ...] = (
        (nn.Linear, "linear"),
        (nn.Embedding, "embedding"),
        (nn.Conv1d, "conv1d"),
        (nn.Conv2d, "conv2d"),
        (nn.Conv3d, "conv3d"),
        (nn.ConvTranspose1d, "conv_transpose1d"),
        (nn.ConvTranspose2d, "conv_transpose2d"),
        (nn.ConvTranspose3d, "conv_transpose3d"),
    )
    for base, kind in kinds:
        if isinstance(module, base):
            return TensorKind(kind, getattr(module, "groups", 1), "transpose" in kind)
    if type(module).__name__ == "Conv1D":  # transformers.pytorch_utils.Conv1D
        return TensorKind("linear", transposed=True)
    return None
