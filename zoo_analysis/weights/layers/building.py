"""Architectures built from a stranger's configuration: known names and plain values, nothing else.

A configuration chooses among what timm and transformers know. Of its arguments those are taken that
the architecture itself declares, with numbers, words and lists of them; no path, address or name of
weights gets through, and no count beyond what a checkpoint of so many tensors can have.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import nn

#: Seconds of Python's that an architecture may take to be built; the largest take two.
BUILD_SECONDS: Final = 30.0
#: No width, vocabulary or length of a context is larger than this.
_LARGEST: Final = 1 << 24
_MOST_CLASSES: Final = 1 << 20
#: Numbers of things that are built one by one.
_COUNTS: Final = re.compile(
    r"^(?!.*(dim|size|width|intermediate|norm|scale))"
    r".*(depth|layer|block|stage|level|expert|head|group|branch|stack|repeat)"
)
#: Counts that no architecture exceeds, however few tensors a file has.
_FEW: Final = 512
_WORD: Final = re.compile(r"[\w.+-]{0,64}")
_REACHING: Final = re.compile(
    r"pretrained|path|file|url|hub|cache_dir|custom|auto_map|backbone$|name_or|remote"
)
#: Nested deeper, or with more values in all, a configuration is none.
_DEEPEST, _MOST_VALUES = 8, 20_000


class UnbuildableError(ValueError):
    """A configuration that names nothing known, or asks for what is not given."""


def timm_options(name: str, arguments: Mapping[str, Any], tensors: int) -> dict[str, Any]:
    """The arguments of a timm architecture among those of a configuration.

    Args:
        name: of the architecture, perhaps with a tag (``resnet18.a1_in1k``).
        arguments: as the configuration has them.
        tensors: of the checkpoint, which bounds the counts.

    Raises:
        UnbuildableError: not an architecture of timm, or arguments that it does not declare or
            that are no plain values.
    """
    import timm

    # A scheme (hf-hub:, local-dir:) or a path is no name.
    if not re.fullmatch(r"\w+(\.\w+)?", name) or not timm.is_model(name.partition(".")[0]):
        raise UnbuildableError(f"timm knows no architecture {name[:64]!r}")
    declared = _declared(timm.model_entrypoint(name.partition(".")[0]))
    wanted = {key: value for key, value in arguments.items() if not _REACHING.search(key)}
    if unknown := wanted.keys() - declared:
        raise UnbuildableError(f"{name} has no argument {min(unknown)[:64]!r}")
    return {key: _plain(value, key, tensors, 0) for key, value in wanted.items()}


def load_library(config: Mapping[str, Any], architecture: str | None) -> None:
    """Import the library that `build` will need: what that does is its own, not the stranger's.

    Args:
        config: see `build`.
        architecture: see `build`.
    """
    if architecture is not None or isinstance(config.get("architecture"), str):
        importlib.import_module("timm.models")
    else:
        import transformers

        # Attributes of a lazy package: each imports what it needs of others.
        _ = transformers.PreTrainedModel, transformers.AutoModel, transformers.BertModel


def build(config: Mapping[str, Any], architecture: str | None, tensors: int) -> nn.Module | None:
    """The network that a configuration names, on torch's default device; None if it names none.

    Args:
        config: config.json of a timm or a transformers model; may be empty.
        architecture: ``timm:NAME``, instead of what the config names.
        tensors: of the checkpoint.

    Raises:
        UnbuildableError: a name that is not known, or arguments that are not plain.
    """
    if architecture is not None:
        library, _, name = architecture.partition(":")
        return _timm(name, config, tensors) if library == "timm" else None
    named, kind = config.get("architecture"), config.get("model_type")
    if isinstance(named, str):  # timm's own, and transformers' wrapper of it
        return _timm(named, config, tensors)
    return _transformers(kind, config, tensors) if isinstance(kind, str) else None


def _timm(name: str, config: Mapping[str, Any], tensors: int) -> nn.Module:
    import timm

    arguments = config.get("model_args") or {}
    if not isinstance(arguments, Mapping):
        raise UnbuildableError("model_args is no mapping")
    options = timm_options(name, arguments, tensors)
    classes = config.get("num_classes")
    if classes is not None:
        options.setdefault("num_classes", _plain(classes, "num_classes", tensors, 0))
    model: nn.Module = timm.create_model(name, pretrained=False, **options)
    return model


def _declared(entrypoint: Callable[..., nn.Module]) -> set[str]:
    """The arguments that the classes of an architecture's module declare."""
    module = sys.modules[entrypoint.__module__]
    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    networks = [cls for cls in classes if issubclass(cls, nn.Module)]
    names = {name for cls in networks for name in inspect.signature(cls.__init__).parameters}
    return names - {"self", "args", "kwargs", "device", "dtype", "cfg"}


def _transformers(kind: str, config: Mapping[str, Any], tensors: int) -> nn.Module:
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if kind.startswith("timm_") or kind not in CONFIG_MAPPING:
        raise UnbuildableError(f"transformers knows no model_type {kind[:64]!r}")
    made = transformers.AutoConfig.for_model(
        kind, **_options(CONFIG_MAPPING[kind], config, tensors)
    )
    architectures = config.get("architectures")
    named = architectures[0] if isinstance(architectures, list) and architectures else ""
    known = isinstance(named, str) and named.isidentifier()
    cls = getattr(transformers, named, None) if known else None
    if not (isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel)):
        model: nn.Module = transformers.AutoModel.from_config(made)
    else:
        model = cls(made)
    tie: Callable[[], None] = model.tie_weights  # type: ignore[assignment]
    tie()
    return model


def _options(cls: Any, config: Mapping[str, Any], tensors: int) -> dict[str, Any]:
    declared = {*inspect.signature(cls.__init__).parameters, *(cls.attribute_map or {})}
    # Older files say these, which the newer classes take apart.
    declared |= {
        "num_labels",
        "rope_theta",
        "rope_scaling",
        "multi_query",
        "new_decoder_architecture",
    }
    declared -= {"self", "dtype", "id2label", "label2id", "architectures", "transformers_version"}
    return {
        key: _plain(value, key, tensors, 0)
        for key, value in config.items()
        if key in declared and not _REACHING.search(key)
    }


def _plain(value: Any, key: str, tensors: int, depth: int) -> Any:
    """The value, if it is a number or word within bounds, or lists and mappings of them."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        if abs(value) > (bound := _bound(key, tensors)):
            raise UnbuildableError(f"{key[:64]} is more than {bound}")
        return value
    if isinstance(value, str):
        if not _WORD.fullmatch(value):
            raise UnbuildableError(f"{key[:64]} is no plain word")
        return value
    if depth >= _DEEPEST or len(value) > _MOST_VALUES:
        raise UnbuildableError(f"{key[:64]} is nested too deeply, or too long")
    if isinstance(value, list):
        listed = [_plain(each, key, tensors, depth + 1) for each in value]
        counted = sum(each for each in listed if isinstance(each, int))
        if _COUNTS.search(key) and counted > 4 * _bound(key, tensors):
            raise UnbuildableError(f"{key[:64]} adds up to {counted}")
        return listed
    return {
        name: _plain(each, name, tensors, depth + 1)
        for name, each in value.items()
        if not _REACHING.search(name)
    }


def _bound(key: str, tensors: int) -> int:
    if re.search(r"label|class", key):
        return _MOST_CLASSES
    return max(tensors, _FEW) if _COUNTS.search(key) else _LARGEST
