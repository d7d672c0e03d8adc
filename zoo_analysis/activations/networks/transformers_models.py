"""transformers models brought to life, without any code of theirs."""

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zoo_analysis.activations.networks.network import WORDS, Batch, Feed, Network, one_line
from zoo_analysis.activations.networks.preprocess import transformers_images
from zoo_analysis.activations.networks.tokens import text_feed
from zoo_analysis.activations.probes.probe import Kind
from zoo_analysis.errors import ActivationError

#: Never code that comes with a model, never anything that is not in its directory.
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


def load_transformers(name: str, directory: Path, device: torch.device) -> Network:
    """A transformers model with its own tokenizer or image processor.

    Args:
        name: of the model, for errors.
        directory: with config.json, weights, and what its preprocessing needs.
        device: to put it on.

    Raises:
        ActivationError: a model that transformers cannot build without remote code, weights that
            are not all there, no tokenizer or image processor, or a model of neither images nor
            text.
    """
    model = _model(name, directory)
    takes = model.main_input_name
    kind: Kind
    feed: Feed
    if takes == "pixel_values":
        processor = _part(name, "AutoImageProcessor", directory, "preprocessor_config.json")
        channels = getattr(model.config, "num_channels", 3)
        kind, feed = "images", transformers_images(processor, channels, name)
    elif takes == "input_ids":
        tokenizer = _part(name, "AutoTokenizer", directory, "tokenizer.json")
        if not tokenizer.is_fast:
            raise ActivationError(
                f"{name}: its tokenizer does not say which characters a token stands for; "
                "save it with a tokenizer.json"
            )
        positions = getattr(model.config, "max_position_embeddings", None)
        longest = min(tokenizer.model_max_length, positions or tokenizer.model_max_length)
        kind, feed = "text", text_feed(tokenizer, longest, name)
    else:
        raise ActivationError(
            f"{name}: takes {takes}; only images and text can be shown, leave it out"
        )
    return Network(
        name=name,
        module=model.eval().requires_grad_(False).to(device),
        kind=kind,
        device=device,
        feed=feed,
        run=_run,
        classifier=_classifier(model),
    )


def _model(name: str, directory: Path) -> Any:
    """The model as config.json names it, else without a head; all of its weights are there."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(directory, **_LOCAL)
        named = next(iter(config.architectures or ()), "")
        cls: Any = getattr(transformers, named, None) if named.isidentifier() else None
        if not (isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel)):
            cls = transformers.AutoModel
        safe = any(directory.glob("*.safetensors"))
        options = {} if cls is not transformers.AutoModel else {"trust_remote_code": False}
        model, info = cls.from_pretrained(
            directory,
            config=config,
            local_files_only=True,
            use_safetensors=safe,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # whatever transformers makes of files that are not as it wrote them
        line = one_line(error)
        raise ActivationError(
            f"{name}: transformers cannot build it ({type(error).__name__}: {line}); "
            "leave it out, or complete its files"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ActivationError(
            f"{name}: its weights lack {len(missing)} tensors of {type(model).__name__} "
            f"({', '.join(missing[:2])}); correct `architectures` in config.json"
        )
    model.config.use_cache = False
    return model


def _part(name: str, auto: str, directory: Path, file: str) -> Any:
    """The tokenizer or image processor beside a model."""
    import transformers

    try:
        part = getattr(transformers, auto).from_pretrained(directory, **_LOCAL)
        files = getattr(part, "vocab_files_names", {}).values()
        if files and not any((directory / own).is_file() for own in files):
            # transformers makes a tokenizer without a vocabulary out of a config.json alone.
            raise FileNotFoundError(f"none of {', '.join(files)}")
        return part
    except Exception as error:  # as above
        line = one_line(error)[:120]
        raise ActivationError(
            f"{name}: no {auto} can be made of its files ({type(error).__name__}: {line}); "
            f"add its {file}"
        ) from error


def _run(model: nn.Module, batch: Batch) -> torch.Tensor | None:
    if isinstance(batch, torch.Tensor):
        inputs = {"pixel_values": batch}
    else:
        inputs = {key: value for key, value in batch.items() if key != WORDS}
        inputs |= _asked_for(model, inputs)
    logits = getattr(model(**inputs), "logits", None)
    return logits if isinstance(logits, torch.Tensor) and logits.ndim == 2 else None


def _asked_for(model: Any, inputs: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Arguments that a language model's forward pass wants besides, or can be spared."""
    parameters = inspect.signature(model.forward).parameters
    extra: dict[str, Any] = {}
    if "logits_to_keep" in parameters:  # a vocabulary of logits for each token is not needed
        extra["logits_to_keep"] = 1
    if model.config.is_encoder_decoder:  # which then also reads the passage itself
        extra["decoder_input_ids"] = inputs["input_ids"]
        extra["decoder_attention_mask"] = inputs["attention_mask"]
    return extra


def _classifier(model: Any) -> tuple[str, ...]:
    """Names of the modules that end in a vocabulary, or in classes."""
    vocabulary = model.get_output_embeddings()
    classes = model.config.num_labels
    base = "" if model.base_model is model else f"{model.base_model_prefix}."
    return tuple(
        name
        for name, module in model.named_modules()
        if module is vocabulary
        or (
            base
            and not name.startswith(base)
            and isinstance(module, nn.Linear | nn.Conv2d)
            and len(module.weight) == classes
            and "Classification" in type(model).__name__
        )
    )
