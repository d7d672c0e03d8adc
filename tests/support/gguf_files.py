"""GGUF files as llama.cpp's own package writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFEndian, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import quantize

#: A matrix, or its blocks and their type.
Tensor = np.ndarray | tuple[np.ndarray, GGMLQuantizationType]


def coded(matrix: np.ndarray, kind: str) -> Tensor:
    """A matrix in one of the types that the package quantises."""
    number = GGMLQuantizationType[kind]
    return quantize(matrix.astype(np.float32), number), number


def random_blocks(kind: str, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Blocks of random bits; their scales are random numbers of half precision."""
    number = GGMLQuantizationType[kind]
    block, size = GGML_QUANT_SIZES[number]
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (*shape[:-1], shape[-1] // block * size), dtype=np.uint8)
    return codes, number


def write_gguf(
    file: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any] | None = None,
    architecture: str = "llama",
    **options: Any,
) -> Path:
    """A GGUF file; `options` are those of the package's writer."""
    writer = GGUFWriter(file, architecture, **options)
    for key, value in (metadata or {}).items():
        add = {str: writer.add_string, float: writer.add_float32, int: writer.add_uint32}
        add.get(type(value), writer.add_array)(key, value)
    for name, tensor in tensors.items():
        values, kind = tensor if isinstance(tensor, tuple) else (tensor, None)
        endian = options.get("endianess", GGUFEndian.LITTLE)
        writer.add_tensor(name, values, raw_dtype=kind, tensor_endianess=endian)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def gaussian(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) * np.float32(0.02)


def small_llama(blocks: int = 2, width: int = 64, experts: int = 0) -> dict[str, Tensor]:
    """The tensors of a small language model, named and ordered as llama.cpp's converter does."""
    out: dict[str, Tensor] = {
        "output.weight": gaussian(96, width, seed=1),
        "token_embd.weight": gaussian(96, width, seed=2),
    }
    for n in reversed(range(blocks)):
        at = f"blk.{n}."
        feed = {
            "ffn_down": (width, 2 * width),
            "ffn_gate": (2 * width, width),
            "ffn_up": (2 * width, width),
        }
        if experts:
            feed = {f"{name}_exps": (experts, *shape) for name, shape in feed.items()}
            feed["ffn_gate_inp"] = (experts, width)
        own = {"attn_k": (width // 2, width), "attn_output": (width, width)}
        own |= {"attn_q": (width, width), "attn_v": (width // 2, width)}
        out[f"{at}attn_norm.weight"] = np.ones(width, np.float32)
        for i, (name, shape) in enumerate({**feed, **own}.items()):
            out[f"{at}{name}.weight"] = gaussian(*shape, seed=10 * n + i)
    out["output_norm.weight"] = np.ones(width, np.float32)
    out["rope_freqs.weight"] = np.ones(width // 4, np.float32)
    return out
