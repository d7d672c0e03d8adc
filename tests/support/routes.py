"""Checkpoints of architectures that hold no weights, and the two routes to their layers."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.inventory import Inventory
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.spec import LayerSpec


class HeaderOnly(Checkpoint):
    """What the header of `model`'s checkpoint would say; `ordered` as torch's files are."""

    format = "torch"

    def __init__(self, model: nn.Module, ordered: bool = True) -> None:
        self.path = Path(type(model).__name__)
        self.ordered = ordered
        state = model.state_dict(keep_vars=True)
        self.tensors = {
            name: TensorInfo(
                name,
                tuple(state[name].shape),
                str(state[name].dtype).removeprefix("torch."),
                state[name].nbytes,
                (id(state[name]),),
            )
            for name in (state if ordered else sorted(state))
        }

    def read(self, name: str) -> torch.Tensor:
        raise NotImplementedError

    def read_rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        raise NotImplementedError

    def close(self) -> None:
        pass


def layers_by(*arguments: Any, **options: Any) -> list[LayerSpec]:
    """The layers of `inventory_by`, which says what the arguments are."""
    return list(inventory_by(*arguments, **options).layers)


class TensorKind(NamedTuple):
    layer: str
    kind: str
    groups: int
    transposed: bool
    depth: int


def verdicts(specs: list[LayerSpec]) -> list[TensorKind]:
    return [TensorKind(s.layer, s.kind, s.groups, s.transposed, s.depth) for s in specs]


def books(model: nn.Module) -> Inventory:
    """The inventory of `model`, after it was seen to be whole on either route."""
    state = model.state_dict(keep_vars=True).values()
    elements = sum({id(t): t.numel() for t in state if t.is_floating_point()}.values())
    checkpoint = HeaderOnly(model)
    for plan in (None, describe(model)):
        found = inventory_by(plan, checkpoint, {})
        left = sum(row.elements for row in found.left_out)
        assert found.total == elements == found.measured + left
    return found


def disagreements(model: nn.Module) -> list[tuple[TensorKind | None, TensorKind | None]]:
    """(by the architecture, by names and shapes) wherever the two differ in anything."""
    plan, checkpoint = describe(model), HeaderOnly(model)
    by_architecture = verdicts(layers_by(plan, checkpoint, {}))
    by_names = verdicts(layers_by(None, checkpoint, {}))
    assert by_architecture, "an architecture without a matrix shows nothing"
    # A sorted file must come out in the same order once the architecture is known.
    assert by_architecture == verdicts(layers_by(plan, HeaderOnly(model, ordered=False), {}))
    if by_architecture == by_names:
        return []
    left = {v.layer: v for v in by_architecture}
    right = {v.layer: v for v in by_names}
    return [
        (left.get(layer), right.get(layer))
        for layer in sorted(left.keys() | right.keys())
        if left.get(layer) != right.get(layer)
    ]
