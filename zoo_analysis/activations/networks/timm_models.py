"""timm models brought to life: from a config.json, or from an architecture's name and weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from zoo_analysis.activations.networks.network import (
    LOAD_SECONDS,
    Batch,
    Network,
    one_line,
    refuse_larger,
)
from zoo_analysis.activations.networks.preprocess import timm_images
from zoo_analysis.errors import ActivationError
from zoo_analysis.lookup import near
from zoo_analysis.weights import Checkpoint
from zoo_analysis.weights.layers.building import (
    BUILD_SECONDS,
    UnbuildableError,
    timm_options,
    timm_preprocessing,
)
from zoo_analysis.weights.layers.confinement import OverdueError, confined

State = dict[str, torch.Tensor]


def load_timm(
    name: str,
    checkpoint: Checkpoint,
    config: Mapping[str, Any] | None,
    architecture: str,
    device: torch.device,
) -> Network:
    """A timm model with a checkpoint's weights.

    The weights are read by this package's own readers, which run nothing of a pickle; timm's
    conversions of other libraries' names are applied to them.

    Args:
        name: of the model, for errors.
        checkpoint: open.
        config: config.json as timm wrote it; None where there is none.
        architecture: timm's name, for weights without a config.json.
        device: to put it on.

    Raises:
        ActivationError: an architecture that timm does not know, or weights that do not fit it.
    """
    import timm

    if not timm.is_model(architecture.split(".")[0]):
        hint = near(architecture, timm.list_models(), "see timm.list_models()", form="timm:{}")
        raise ActivationError(f"{name}: timm knows no architecture {architecture!r}; {hint}")
    state = {tensor: checkpoint.read(tensor) for tensor in checkpoint.tensors}
    model = _filled(
        name,
        architecture,
        _options(name, architecture, config, state, checkpoint),
        state,
        checkpoint,
    )
    return Network(
        name=name,
        module=model.eval().requires_grad_(False).to(device, torch.float32),
        kind="images",
        device=device,
        feed=timm_images(model, name),
        run=_logits if (classifier := _classifier(model)) else _nothing,
        classifier=classifier,
    )


def in_order(theirs: Mapping[str, torch.Tensor], ours: Mapping[str, torch.Tensor]) -> State | None:
    """A state dict under our names, where only the names differ: matched by order of definition.

    Only where nothing can be mistaken for something else: as many tensors, each of the same
    shape and with the same last part of its name, and no two matrices of one shape (the queries
    and keys of a transformer would fit each other's place).

    Args:
        theirs: the checkpoint's tensors in their order of definition.
        ours: the architecture's.

    Returns:
        The checkpoint's tensors; None where they do not fit, or could fit in several ways.
    """
    a, b = ([n for n in names if not n.endswith("num_batches_tracked")] for names in (ours, theirs))
    matrices = [theirs[name].shape for name in b if theirs[name].ndim == 2]
    if len(a) != len(b) or len(set(matrices)) < len(matrices):
        return None
    for mine, other in zip(a, b, strict=True):
        if ours[mine].shape != theirs[other].shape:
            return None
        if mine.rpartition(".")[2] != other.rpartition(".")[2]:
            return None
    return {mine: theirs[other] for mine, other in zip(a, b, strict=True)}


def _options(
    name: str,
    architecture: str,
    config: Mapping[str, Any] | None,
    state: State,
    checkpoint: Checkpoint,
) -> dict[str, Any]:
    """Arguments of timm's that make the network of a configuration, or else of the weights."""
    if config is None:
        return _classes(architecture, state, checkpoint.ordered)
    arguments = config.get("model_args") or {}
    try:
        if not isinstance(arguments, Mapping):
            raise UnbuildableError("model_args is no mapping")
        options = timm_options(architecture, arguments, len(state))
        return {**options, "pretrained_cfg": timm_preprocessing(config, len(state))}
    except UnbuildableError as error:
        raise _unbuildable(name, error) from error


def _filled(
    name: str, source: str, options: dict[str, Any], state: State, checkpoint: Checkpoint
) -> Any:
    """The model that `source` means to timm, with the weights `state`."""
    ours = _expected(name, source, options)
    refuse_larger(name, ours.values(), checkpoint)
    try:
        model = _created(source, state, options)
    except (Exception, OverdueError) as error:  # torch's of tensors that do not fit, or its own
        ordered = (
            in_order(state, ours) if checkpoint.ordered and state.keys() != ours.keys() else None
        )
        if ordered is None:
            raise ActivationError(
                f"{name}: its weights do not fit {source} ({_difference(ours, state, error)}); "
                "correct the architecture or the weights"
            ) from error
        model = _created(source, ordered, options)
    if model.num_classes != model.pretrained_cfg.get("num_classes", model.num_classes):
        raise ActivationError(
            f"{name}: its model_args say {model.num_classes} classes and its config "
            f"{model.pretrained_cfg['num_classes']}; correct config.json"
        )
    return model


def _created(source: str, state: State, options: Mapping[str, Any]) -> Any:
    import timm

    # An empty source, or else timm would look for weights in the directory or on the hub.
    own = {"source": "", "file": None, "custom_load": False, "state_dict": state}
    if "pretrained_cfg" not in options:
        own |= options
        if options:  # no class is to be cut off, as timm does where ImageNet has a background
            own["label_offset"] = None
    with confined(LOAD_SECONDS):
        model = timm.create_model(source, pretrained=True, pretrained_cfg_overlay=own, **options)
    model.pretrained_cfg.pop("state_dict", None)  # timm keeps a copy of all weights there
    return model


def _expected(name: str, source: str, options: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """The tensors, without values, that the architecture needs."""
    import timm

    try:
        with confined(BUILD_SECONDS), torch.device("meta"):
            return dict(timm.create_model(source, pretrained=False, **options).state_dict())
    except (Exception, OverdueError) as error:  # of arguments it was not made for
        raise _unbuildable(name, error) from error


def _unbuildable(name: str, error: BaseException) -> ActivationError:
    return ActivationError(
        f"{name}: timm cannot build it ({type(error).__name__}: {one_line(error)}); "
        "correct config.json"
    )


def _classes(architecture: str, state: State, ordered: bool) -> dict[str, Any]:
    """As many classes as the checkpoint has, which need not be ImageNet's."""
    from timm.models import get_pretrained_cfg

    head = state.get(f"{getattr(get_pretrained_cfg(architecture), 'classifier', None)}.weight")
    if head is None and ordered:
        head = next((tensor for tensor in reversed(state.values()) if tensor.ndim == 2), None)
    return {} if head is None else {"num_classes": len(head)}


def _classifier(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules that timm calls the classifier; none where it was taken off."""
    get = getattr(model, "get_classifier", None)
    found = get() if get is not None and model.num_classes else None
    heads = found if isinstance(found, tuple | list) else (found,)
    return tuple(
        name
        for name, module in model.named_modules()
        if any(module is head for head in heads) and not isinstance(module, nn.Identity)
    )


def _logits(module: nn.Module, batch: Batch) -> torch.Tensor | None:
    output = module(batch)
    return output if isinstance(output, torch.Tensor) and output.ndim == 2 else None


def _nothing(module: nn.Module, batch: Batch) -> None:
    module(batch)


def _difference(
    ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor], error: BaseException
) -> str:
    """Differences of a checkpoint from what an architecture needs, in a few words."""
    parts = {
        "missing": [name for name in ours if name not in theirs],
        "unexpected": [name for name in theirs if name not in ours],
        "of another shape": [
            f"{name} {tuple(theirs[name].shape)}, not {tuple(ours[name].shape)}"
            for name in ours
            if name in theirs and ours[name].shape != theirs[name].shape
        ],
    }
    said = "; ".join(f"{len(p)} {what}: {', '.join(p[:2])}" for what, p in parts.items() if p)
    return said or one_line(error)
