"""Two checkpoints under one measure of weights: no input, no forward pass. No Ray."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from zoo_analysis.errors import SimilarityError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.scores import Scores, layer_scores, nothing
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.sources import ModelRef
from zoo_analysis.weights import (
    Checkpoint,
    LayerSpec,
    kernel_dims,
    list_layers,
    load_kernel,
    open_checkpoint,
)

#: Roles of layers that work in parallel, so that a model with them is no stack.
_ATTENTION = {"q", "k", "v", "qkv", "attention"}


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A checkpoint and its matrices."""

    checkpoint: Checkpoint
    specs: Sequence[LayerSpec]


def compare_weights(
    a: ModelRef,
    b: ModelRef,
    measure: Measure,
    device: str = "cpu",
    access: HubAccess | None = None,
) -> Scores:
    """Two models under a measure of weights.

    A measure of chains (`Measure.chain`) compares two stacks of fully connected layers on the same
    inputs, whole networks or the classifiers of one frozen extractor: each chain W₁, W₁W₂, … of one
    with each of the other, called by its last layer. Any other measure compares the layers of the
    same name and shape, as checkpoints of one architecture have them; one layer of each is in
    memory at a time. The score of the models is what the measure makes of these (`Measure.whole`).

    Args:
        a: one model.
        b: the other.
        measure: of weights.
        device: where the products are computed.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        CheckpointError: weights that cannot be read.
    """
    with open_checkpoint(a.path, access) as of_a, open_checkpoint(b.path, access) as of_b:
        first, second = (
            OpenedCheckpoint(
                of, [spec for spec in list_layers(of, None, ref.architecture) if _whole(spec)]
            )
            for of, ref in ((of_a, a), (of_b, b))
        )
        if measure.chain is not None:
            return _stacks(first, second, measure, measure.chain, device)
        return _by_name(first, second, measure, device)


def stack(specs: Sequence[LayerSpec]) -> list[LayerSpec]:
    """The fully connected layers at the end of a model that feed one another, in their order.

    All layers of a fully connected network; the classifier of a convolutional one. Of a network
    with attention it is the last layer alone, for its others do not follow one another.

    Args:
        specs: of all its matrices, in the order of depth.
    """
    found: list[LayerSpec] = []
    for spec in reversed(specs):
        if spec.kind != "linear" or (found and _sides(spec)[1] != _sides(found[0])[0]):
            break
        found.insert(0, spec)
        if any(other.role in _ATTENTION for other in specs):
            break
    return found


def matrix(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """A layer's weights (inputs × outputs): what it takes along the rows.

    Of a convolution the inputs are those of one position, channels × kernel elements; groups, which
    share no input, are blocks along the diagonal. Of an embedding they are the words.
    """
    kernel = load_kernel(checkpoint, spec)
    if spec.kind == "embedding":
        return kernel[0]
    blocks = [group.movedim(0, -1).reshape(-1, group.shape[0]) for group in kernel]
    if len(blocks) == 1:
        only: torch.Tensor = blocks[0]
        return only
    diagonal: torch.Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return diagonal


def _stacks(
    a: OpenedCheckpoint,
    b: OpenedCheckpoint,
    measure: Measure,
    chain: Callable[[Sequence[Any]], Sequence[Any]],
    device: str,
) -> Scores:
    stacks = stack(a.specs), stack(b.specs)
    if not all(stacks):
        return nothing("a model that ends in no fully connected layer has no stack of them")
    if not _same_inputs(a, b, *map(len, stacks)):
        return nothing(
            "the fully connected layers stand on different layers, so that their inputs have "
            f"nothing in common: {measure.name} compares whole stacks, or heads on one frozen "
            "extractor"
        )
    try:
        chains_a, chains_b = (
            [
                measure.prepared(each)
                for each in chain([matrix(model.checkpoint, spec).to(device) for spec in specs])
            ]
            for model, specs in zip((a, b), stacks, strict=True)
        )
    except SimilarityError as error:
        return nothing(str(error))
    inputs = _sides(stacks[0][0])[0]
    names_a, names_b = ([spec.layer for spec in specs] for specs in stacks)
    return layer_scores(
        measure,
        names_a,
        names_b,
        lambda i, j: (chains_a[i], chains_b[j]),
        lambda i, j: inputs,
        inputs,
    )


def _same_inputs(a: OpenedCheckpoint, b: OpenedCheckpoint, stack_a: int, stack_b: int) -> bool:
    """True if what comes before two stacks, of so many layers, has the same weights."""
    below_a, below_b = a.specs[: len(a.specs) - stack_a], b.specs[: len(b.specs) - stack_b]
    return len(below_a) == len(below_b) and all(
        first.shape == second.shape
        and torch.equal(matrix(a.checkpoint, first), matrix(b.checkpoint, second))
        for first, second in zip(below_a, below_b, strict=True)
    )


def _by_name(a: OpenedCheckpoint, b: OpenedCheckpoint, measure: Measure, device: str) -> Scores:
    others = {(spec.layer, spec.shape): spec for spec in b.specs}
    shared = [(s, others[s.layer, s.shape]) for s in a.specs if (s.layer, s.shape) in others]
    if 2 * len(shared) < max(len(a.specs), len(b.specs)) or not shared:
        return nothing(
            f"{len(shared)} of {len(a.specs)} and {len(b.specs)} layers have one name and shape: "
            "weights are compared between checkpoints of one architecture"
        )

    def prepared(i: int, j: int) -> tuple[Any, Any]:
        try:
            x, y = (
                measure.prepared(matrix(model.checkpoint, spec).to(device))
                for model, spec in zip((a, b), shared[i], strict=True)
            )
        except SimilarityError as error:
            raise SimilarityError(f"{shared[i][0].layer}: {error}") from error
        return x, y

    names = [first.layer for first, _ in shared]
    one_to_one = [(i, i) for i in range(len(shared))]
    return layer_scores(
        measure, names, names, prepared, lambda i, j: _inputs(shared[i][0]), among=one_to_one
    )


def _whole(spec: LayerSpec) -> bool:
    """True of a layer with a matrix of its own."""
    return spec.status is None and spec.rank is None and spec.part_of is None


def _inputs(spec: LayerSpec) -> int:
    groups, out, into, elements = kernel_dims(spec)
    return out if spec.kind == "embedding" else groups * into * elements


def _sides(spec: LayerSpec) -> tuple[int, int]:
    """Inputs and outputs of a fully connected layer."""
    _, out, into, _ = kernel_dims(spec)
    return into, out
