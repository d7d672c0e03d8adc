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
#: Pixels of a side of an image that a network is shown; the largest take some two thousand.
MAX_SIDE: Final = 4096
_SIDE: Final = re.compile(r"size|edge|height|width|pad|multiple|pinpoints")
#: Share of an image's side that is kept; networks keep 0.8 and more.
_LEAST_CROP: Final = 0.25
#: What timm's configurations say beside the architecture's arguments.
_PREPROCESSING: Final = (
    *("input_size", "fixed_input_size", "test_input_size", "mean", "std", "interpolation"),
    *("crop_pct", "crop_mode", "test_crop_pct", "num_classes", "first_conv", "classifier"),
    *("pool_size", "label_offset"),
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
    return _transformers(config, tensors) if isinstance(kind, str) else None


def timm_preprocessing(config: Mapping[str, Any], tensors: int) -> dict[str, Any]:
    """The plain data of timm's configuration: of inputs, and of the first and last layer.

    Args:
        config: config.json of a timm model.
        tensors: of the checkpoint.

    Raises:
        UnbuildableError: values that are not plain, or images that are too large.
    """
    found = config.get("pretrained_cfg")
    found = found if isinstance(found, Mapping) else config
    wanted = {key: found[key] for key in _PREPROCESSING if key in found}
    if "num_classes" in config:
        wanted["num_classes"] = config["num_classes"]
    plain = {key: _plain(value, key, tensors, 0) for key, value in wanted.items()}
    refuse_images(plain)
    return plain


def refuse_images(config: Any) -> None:
    """Refuse a preprocessing that makes larger images than any network takes.

    Args:
        config: plain values, at any depth.

    Raises:
        UnbuildableError: it has a number beyond `MAX_SIDE` where a size is told.
    """
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, Mapping):
            told = re.search(r"size|pad", key)  # {"size": {"height": 224}}
            waiting += [(f"{key} {name}" if told else str(name), v) for name, v in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(key, each) for each in value]
        elif isinstance(value, int | float):
            if "pixels" in key:
                if not abs(value) <= MAX_SIDE**2:
                    raise UnbuildableError(f"{key[:64]} is more than {MAX_SIDE**2} pixels")
            elif "crop_pct" in key:  # sides are divided by it
                if not value >= _LEAST_CROP:
                    raise UnbuildableError(f"{key[:64]} is less than {_LEAST_CROP}")
            elif _SIDE.search(key) and not abs(value) <= MAX_SIDE:
                raise UnbuildableError(f"{key[:64]} is more than {MAX_SIDE} pixels")


def transformers_config(config: Mapping[str, Any], tensors: int) -> Any:
    """The configuration object of transformers that a config.json means, of plain values only.

    Args:
        config: with a ``model_type``.
        tensors: of the checkpoint, which bounds the counts.

    Raises:
        UnbuildableError: a type that transformers does not know, or values that are not plain.
    """
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = config.get("model_type")
    if not isinstance(kind, str) or kind.startswith("timm_") or kind not in CONFIG_MAPPING:
        raise UnbuildableError(f"transformers knows no model_type {str(kind)[:64]!r}")
    options = _options(CONFIG_MAPPING[kind], config, tensors)
    labels = config.get("id2label")
    if isinstance(labels, Mapping) and len(labels) <= _MOST_CLASSES:
        options.setdefault("num_labels", len(labels))
    return transformers.AutoConfig.for_model(kind, **options)


def transformers_class(config: Mapping[str, Any]) -> Any:
    """The class of transformers that a config.json names first; None if it names none of them."""
    import transformers

    architectures = config.get("architectures")
    named = architectures[0] if isinstance(architectures, list) and architectures else ""
    known = isinstance(named, str) and named.isidentifier()
    cls = getattr(transformers, named, None) if known else None
    found = isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel)
    return cls if found else None


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
    # Some take them from tables of settings, one for each architecture, which arguments overrule.
    tables = [value for value in vars(module).values() if isinstance(value, dict)]
    settings = [value for table in tables for value in table.values() if isinstance(value, dict)]
    names |= {name for each in settings for name in each if isinstance(name, str)}
    return names - {"self", "args", "kwargs", "device", "dtype", "cfg"}


def _transformers(config: Mapping[str, Any], tensors: int) -> nn.Module:
    import transformers

    made, cls = transformers_config(config, tensors), transformers_class(config)
    model: nn.Module = transformers.AutoModel.from_config(made) if cls is None else cls(made)
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
        # And these are every configuration's.
        "tie_word_embeddings",
        "is_decoder",
        "is_encoder_decoder",
        "add_cross_attention",
        "pad_token_id",
        "bos_token_id",
        "eos_token_id",
        "decoder_start_token_id",
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
