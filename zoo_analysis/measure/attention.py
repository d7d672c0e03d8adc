"""The products of a model's attention heads, measured."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.measure.analyze import opened
from zoo_analysis.spectra import Method, Shape, spectrum_metrics
from zoo_analysis.spectra.by_parts.products import head_products
from zoo_analysis.spectra.methods import Preset, as_method
from zoo_analysis.store.schemas import METRICS
from zoo_analysis.weights import Checkpoint, LayerSpec, load_kernel, read_config

_SCHEMA: Final = pa.schema(
    [
        ("layer", pa.string()),
        ("depth", pa.int32()),
        ("head", pa.int64()),
        ("product", pa.string()),
        ("N", pa.int64()),
        ("M", pa.int64()),
        *((metric.name, metric.type) for metric in METRICS),
        ("status", pa.string()),
    ]
)
_HEADS: Final = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")


def attention_products(
    model: str | Path | torch.nn.Module | Mapping[str, Any],
    how: Method | Preset | None = None,
    *,
    heads: int | None = None,
    kv_heads: int | None = None,
) -> pa.Table:
    """Measure W_Qᵀ·W_K and W_O·W_V of every attention head that a checkpoint tells apart.

    Args:
        model: as `analyze` takes it.
        how: the method, which says how a spectrum is fitted; the default one where None.
        heads: of queries; what config.json says where None.
        kv_heads: of keys and values, each of which serves several heads of queries; what
            config.json says, else as many as of queries.

    Returns:
        A row a head and product, ``qk`` or ``ov``, in the order of depth: `layer` (the attention
        block), `depth`, `head`, `product`, `N` (the width of the network) and `M` (that of the
        head), the metrics of the spectrum, and `status`. No row for blocks whose q, k, v and output
        are not told apart, such as fused matrices that interleave their heads.

    Raises:
        CheckpointError: no readable weights, nothing that says how many heads there are, or a
            number that does not fit.
    """
    how = as_method(how)
    checkpoint, specs = opened(model, True, "")
    rows: list[dict[str, Any]] = []
    with checkpoint:
        config = read_config(checkpoint) if isinstance(model, str | Path) else {}
        for block, parts in _blocks(specs):
            queries = heads or _count(config, *_HEADS)
            if not queries:
                raise CheckpointError(f"{checkpoint.path}: nothing says how many heads: give heads")
            shared = kv_heads or _count(config, "num_key_value_heads") or queries
            rows += _rows(checkpoint, block, parts, queries, shared, how)
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _blocks(specs: Sequence[LayerSpec]) -> Iterator[tuple[str, list[LayerSpec]]]:
    """Attention blocks with their q, k, v and output, where each is there once."""
    usable = [spec for spec in specs if spec.status is None and spec.rank is None]
    for query in usable:
        if query.role != "q" or query.kind != "linear":
            continue
        inner = re.sub(r"\[q\]$", "", query.layer).rpartition(".")[0]
        for module in (inner, inner.rpartition(".")[0]):  # BERT: attention.self, attention.output
            beside = [s for s in usable if module and s.layer.startswith(f"{module}.")]
            parts = [[s for s in beside if s.role == role] for role in ("q", "k", "v", "attention")]
            if all(len(found) == 1 for found in parts):
                yield module, [found[0] for found in parts]
                break


def _rows(
    checkpoint: Checkpoint,
    block: str,
    parts: Sequence[LayerSpec],
    heads: int,
    kv_heads: int,
    how: Method,
) -> Iterator[dict[str, Any]]:
    q, k, v, o = (load_kernel(checkpoint, spec)[0] for spec in parts)
    try:
        spectra = head_products(q, k, v, o, heads, kv_heads)
    except ValueError as error:
        raise CheckpointError(f"{checkpoint.path}: {block}: {error}") from error
    for product, evals, n in zip(("qk", "ov"), spectra, (q.shape[1], len(o)), strict=True):
        for head, values in enumerate(evals):
            shape = Shape(n, len(values), 1, 1)
            known = values[-1] > 0
            metrics, status = spectrum_metrics(values, shape, how) if known else (None, "all-zero")
            yield {
                "layer": block,
                "depth": parts[0].depth,
                "head": head,
                "product": product,
                "N": n,
                "M": len(values),
                **({} if metrics is None else asdict(metrics)),
                "status": status,
            }


def _count(config: Mapping[str, Any], *keys: str) -> int:
    """The first of these that is a number of something, also of a model's text part; else 0."""
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, dict) else {}):
        for key in keys:
            if type(value := place.get(key)) is int and value > 0:
                return value
    return 0
