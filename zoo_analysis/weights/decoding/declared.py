"""The quantisation that a model's configuration declares."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.decoding.coded_layout import Declared
from zoo_analysis.weights.lenient_json import lenient_json

#: AutoGPTQ's and AutoAWQ's own files, and ModelOpt's.
_FILES = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")


class Declaration:
    """The quantisation that a model's configuration declares, looked up when it is asked for.

    Attributes:
        given: ``quantization_config`` of the configuration that is at hand; None if there is none.

    Args:
        checkpoint: whose files are looked at.
        config: contents of config.json; may be empty.
    """

    def __init__(self, checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
        self._checkpoint, self._config = checkpoint, config
        self.given: Declared = _quantization(config)

    @cached_property
    def said(self) -> Declared:
        """``quantization_config``; empty if there is no configuration, None if it is silent."""
        if self.given is not None:
            return self.given
        config = self._beside("config.json")
        if found := _quantization(config or {}):
            return found
        for name in _FILES:
            if (own := self._beside(name)) is not None:
                return own
        return {} if config is None and not self._config else None

    @property
    def method(self) -> str | None:
        """The method of quantisation (``gptq``); None where nothing says it."""
        method = (self.said or {}).get("quant_method")
        return method if isinstance(method, str) else None

    def _beside(self, name: str) -> Mapping[str, Any] | None:
        text = self._checkpoint.beside(name)
        try:
            content = None if text is None else lenient_json(text)
        except ValueError:
            content = {}
        return content if content is None or isinstance(content, dict) else {}


def _quantization(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Of the model, or of the language model in it."""
    for part in (config, *(each for each in config.values() if isinstance(each, dict))):
        if isinstance(found := part.get("quantization_config"), dict):
            return found
    return None
