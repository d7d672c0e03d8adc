"""Models that are stored quantised, and what their matrices were before."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from zoo_analysis import analyze
from zoo_analysis.weights import Checkpoint, LayerSpec, list_layers, load_kernel, open_checkpoint

#: Columns that a quantised model has as the floating one does.
SAME = ("layer", "depth", "kind", "role", "N", "M", "status")


def tiny_llama(folder: Path) -> LlamaForCausalLM:
    """A Llama of one block, saved in float32."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "intermediate_size": 192, "vocab_size": 160}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(num_hidden_layers=1, **sizes, **heads))
    model.save_pretrained(folder)
    return model


def save(
    folder: Path, state: dict[str, torch.Tensor], quantization: dict[str, Any] | None
) -> Checkpoint:
    """An open checkpoint of `state`, beside a config with this ``quantization_config``."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous().clone() for name, tensor in state.items()}
    save_file(tensors, folder / "model.safetensors")
    if quantization is not None:
        config = {"quantization_config": quantization}
        (folder / "config.json").write_text(json.dumps(config))
    return open_checkpoint(folder)


def only_layer(checkpoint: Checkpoint) -> LayerSpec:
    """The one layer of a checkpoint."""
    (spec,) = list_layers(checkpoint)
    return spec


def weight_of(checkpoint: Checkpoint) -> torch.Tensor:
    """The one matrix of a checkpoint."""
    return load_kernel(checkpoint, only_layer(checkpoint))[0]


def assert_same_network(plain: Path, coded: Path, precisions: set[str], within: float) -> None:
    """The layers of both are the same, and their norms differ by no more (log₁₀) than `within`."""
    before, after = analyze(plain).to_pylist(), analyze(coded).to_pylist()
    assert [[row[name] for name in SAME] for row in after] == [
        [row[name] for name in SAME] for row in before
    ]
    assert {row["precision"] for row in after} == precisions
    for one, other in zip(before, after, strict=True):
        assert abs(one["log_norm"] - other["log_norm"]) < within, one["layer"]
        assert abs(one["log_spectral_norm"] - other["log_spectral_norm"]) < 2 * within
