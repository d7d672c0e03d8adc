"""transformers models brought to life, without any code of theirs."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zoo_analysis.activations.networks.described import copied
from zoo_analysis.activations.networks.network import (
    LOAD_SECONDS,
    WORDS,
    Batch,
    Feed,
    Network,
    one_line,
    refuse_larger,
)
from zoo_analysis.activations.networks.preprocess import transformers_images
from zoo_analysis.activations.networks.tokens import text_feed
from zoo_analysis.activations.probes.probe import Kind
from zoo_analysis.errors import ActivationError, CheckpointError
from zoo_analysis.weights import Checkpoint
from zoo_analysis.weights.layers.building import (
    BUILD_SECONDS,
    transformers_class,
    transformers_config,
)
from zoo_analysis.weights.layers.confinement import OverdueError, confined

#: Never code that comes with a model, never anything that is not in its directory.
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


def load_transformers(
    name: str,
    checkpoint: Checkpoint,
    config: Mapping[str, Any],
    directory: Path,
    device: torch.device,
) -> Network:
    """A transformers model with its own tokenizer or image processor.

    Args:
        name: of the model, for errors.
        checkpoint: its weights, open.
        config: its config.json.
        directory: with what its preprocessing needs.
        device: to put it on.

    Raises:
        ActivationError: a model that transformers cannot build without remote code, weights that
            are not all there, no tokenizer or image processor, or a model of neither images nor
            text.
    """
    model = _model(name, checkpoint, config)
    takes = model.main_input_name
    kind: Kind
    feed: Feed
    if takes == "pixel_values":
        processor = _part(name, "AutoImageProcessor", model, directory, "preprocessor_config.json")
        channels = getattr(model.config, "num_channels", 3)
        kind, feed = "images", transformers_images(processor, channels, name)
    elif takes == "input_ids":
        tokenizer = _part(name, "AutoTokenizer", model, directory, "tokenizer.json")
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


def _model(name: str, checkpoint: Checkpoint, config: Mapping[str, Any]) -> Any:
    """The model as config.json names it, else without a head; all of its weights are there."""
    import transformers

    try:
        with confined(BUILD_SECONDS), torch.device("meta"):
            made = transformers_config(config, len(checkpoint.tensors))
            cls = transformers_class(config) or transformers.MODEL_MAPPING[type(made)]
            refuse_larger(name, cls(made).parameters(), checkpoint)
        state = {tensor: checkpoint.read(tensor) for tensor in checkpoint.tensors}
        with confined(LOAD_SECONDS):
            # No name and no folder: transformers is given the weights, and finds nothing by itself.
            model, info = cls.from_pretrained(
                None,
                config=made,
                state_dict=state,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (ActivationError, CheckpointError):
        raise
    except (Exception, OverdueError) as error:  # of files that are not as it wrote them
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


def _part(name: str, auto: str, model: Any, directory: Path, file: str) -> Any:
    """The tokenizer or image processor beside a model."""
    import transformers

    try:
        with copied(directory, model.config) as copies:
            with confined(BUILD_SECONDS, copies):
                part = getattr(transformers, auto).from_pretrained(copies, **_LOCAL)
            files = getattr(part, "vocab_files_names", {}).values()
            if files and not any((copies / own).is_file() for own in files):
                # transformers makes a tokenizer without a vocabulary out of a config.json alone.
                raise FileNotFoundError(f"none of {', '.join(files)}")
        return part
    except CheckpointError:
        raise
    except (Exception, OverdueError) as error:  # as above
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
