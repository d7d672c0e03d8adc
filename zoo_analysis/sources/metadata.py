"""The architecture that a model's config.json names, and the base that an adapter's names."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import read_regular
from zoo_analysis.sources.ref import ModelRef
from zoo_analysis.texts import storable
from zoo_analysis.weights.lenient_json import NO_CONFIG, lenient_json

#: Prefixes of timm names that say where weights came from, not what they are.
_PREFIXES = {"tf", "legacy", "ese", "gc", "dm", "gluon", "test"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Architecture:
    """The name, library and family of an architecture; every field may be missing.

    Attributes:
        name: ``timm:NAME``, ``transformers:CLASS`` or ``gguf:NAME``.
        series: the family it belongs to (``vgg``, ``bert``).
        remark: why a configuration that is there says nothing.
    """

    name: str | None = None
    library: str | None = None
    series: str | None = None
    remark: str | None = None


def read_text(path: Path) -> str | None:
    """A small text file of a model, or None where there is none or it cannot be read.

    One that is no regular file of the model's folder, or larger than `MAX_TEXT`, is passed over
    with a warning.

    Args:
        path: of a README.md or config.json, in the model's folder.

    Returns:
        Its text, without a byte order mark; bytes that are not UTF-8 are replaced.
    """
    try:
        return read_regular(path, path.parent).decode("utf-8-sig", errors="replace")
    except CheckpointError as error:
        _log.warning("%s; passed over", error)
        return None
    except OSError:
        return None


#: Keys of a configuration that name an architecture; the last is of GGUF files.
_NAMING = ("architecture", "model_type", "architectures", "general.architecture")


def timm_family(name: str) -> str:
    """The family of a timm architecture, from its name alone.

    Args:
        name: as in ``timm.list_models()``, with or without a pretrained tag.

    Returns:
        The leading word without size: ``vgg11_bn`` → ``vgg``, ``tf_efficientnet_lite0`` →
        ``efficientnet``, ``mobilenetv3_large_100`` → ``mobilenetv3``.
    """
    words = name.split(".")[0].split("_")
    while len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    return re.sub(r"(?<!v)\d+[a-z]{0,2}$", "", words[0]) or words[0]


def read_architecture(directory: Path) -> Architecture:
    """The architecture that a directory's config.json names.

    A missing, malformed or lying configuration costs its metadata and nothing else.

    Args:
        directory: of a model in hub layout.

    Returns:
        The architecture, with no fields set where nothing is known.
    """
    text = read_text(directory / "config.json")
    if text is None:
        return Architecture()
    try:
        config = lenient_json(text)
    except ValueError:
        config = None
    if isinstance(config, dict):
        return architecture_of(config)
    return Architecture(remark=NO_CONFIG)


def read_adapter_base(directory: Path) -> str | None:
    """The model that a directory's adapter_config.json names as the base; None where none does.

    Args:
        directory: of a model in hub layout.
    """
    try:
        config = lenient_json(read_text(directory / "adapter_config.json") or "{}")
    except ValueError:  # its reader says so
        return None
    told = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    return storable(told) if isinstance(told, str) and told else None


def with_config(ref: ModelRef, config: Mapping[str, Any]) -> ModelRef:
    """A model with what its whole config.json says and the hub's excerpt of it does not."""
    found = architecture_of(dict(config))
    return replace(
        ref,
        series=ref.series or found.series,
        architecture=ref.architecture or found.name,
        library=ref.library or found.library,
    )


def architecture_of(config: dict[str, Any]) -> Architecture:
    """The architecture that the contents of a config.json name."""
    config = {name: _short(config.get(name)) for name in _NAMING}
    timm_name = config.get("architecture")
    if isinstance(timm_name, str) and timm_name:
        return Architecture(f"timm:{timm_name}", "timm", timm_family(timm_name))
    model_type = config.get("model_type")
    series = model_type if isinstance(model_type, str) and model_type else None
    classes = config.get("architectures")
    if isinstance(classes, list) and classes and isinstance(classes[0], str):
        return Architecture(f"transformers:{_short(classes[0])}", "transformers", series)
    if series:
        return Architecture(f"transformers:{series}", "transformers", series)
    own = config.get("general.architecture")  # of a GGUF file, see `GgufCheckpoint.beside`
    if isinstance(own, str) and own:
        return Architecture(f"gguf:{own}", "gguf", own)
    return Architecture()


def _short(value: object) -> Any:
    return storable(value) if isinstance(value, str) else value
