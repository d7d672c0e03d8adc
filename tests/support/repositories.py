"""Repositories to be served: small models of Gaussian matrices."""

import json
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

CARD = """---
license: mit
library_name: timm
pipeline_tag: image-classification
tags: [nets]
model-index:
- name: m
  results:
  - task: {type: image-classification}
    dataset: {name: Digits, type: digits}
    metrics: [{type: accuracy, value: 0.75}]
---
"""

Sides = tuple[tuple[int, int], ...]


def tensors(name: str, sides: Sides = ((40, 20), (30, 40))) -> dict[str, torch.Tensor]:
    """Gaussian matrices and biases; the same name gives the same weights."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    out = {}
    for i, (rows, cols) in enumerate(sides):
        out[f"layers.{i}.weight"] = torch.randn(rows, cols, generator=generator)
        out[f"layers.{i}.bias"] = torch.randn(rows, generator=generator)
    return out


def write(
    home: Path, sides: Sides = ((40, 20), (30, 40)), shards: int = 1, card: str = CARD
) -> Path:
    """A model directory in hub layout, in one file or several."""
    home.mkdir(parents=True)
    (home / "README.md").write_text(card)
    (home / "config.json").write_text('{"model_type": "unheard-of", "hidden_size": 20}')
    weights = tensors(home.name, sides)
    if shards == 1:
        save_file(weights, home / "model.safetensors")
        return home
    weight_map = {}
    for i in range(shards):
        name = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = dict(list(weights.items())[i::shards])
        save_file(part, home / name)
        weight_map |= dict.fromkeys(part, name)
    index: dict[str, Any] = {"metadata": {}, "weight_map": weight_map}
    (home / "model.safetensors.index.json").write_text(json.dumps(index))
    return home


def tensor_bytes(home: Path) -> int:
    return sum(file.stat().st_size for file in home.glob("*.safetensors"))
