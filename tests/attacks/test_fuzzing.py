"""Whatever bytes a repository holds, only this package's own errors come out of what reads them.

Some cases each; a hundred thousand of all together under the marker `exhaustive`.
"""

import contextlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import strategies as st

from tests.attacks.fuzzing import FEW, MANY, SCALARS, TEXTS, fuzz, tree
from zoo_analysis.errors import CheckpointError, SourceError, ZooError
from zoo_analysis.hub.path import shard_names
from zoo_analysis.imports.metric_tables import read_averages
from zoo_analysis.imports.weightwatcher import read_weightwatcher
from zoo_analysis.sources.card import read_card
from zoo_analysis.sources.catalogues.format import load_catalogue
from zoo_analysis.sources.metadata import read_architecture
from zoo_analysis.sources.reported.csv_tables import any_csv
from zoo_analysis.sources.reported.timm_tables import timm_csv
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.lenient_json import lenient_json

CONFIG_KEYS = st.sampled_from(
    ["num_attention_heads", "hidden_size", "n_head",
     "num_key_value_heads", "head_dim", "attn_config", "kv_n_heads", "multi_query", "d_model",
     "tie_word_embeddings", "quantization_config", "n_embd", "num_labels", "vocab_size"]
)  # fmt: skip
ADAPTER_KEYS = st.sampled_from(
    ["r", "lora_alpha", "alpha_pattern", "rank_pattern", "use_rslora", "peft_type", "alpha",
     "base_model_name_or_path", "fan_in_fan_out", "target_modules", "init_lora_weights"]
)  # fmt: skip
PATTERNS = st.sampled_from(["q_proj", ".*", "(a+)+$", "[", "(?=", "a" * 2000, "", "^.*q_proj"])
WORDS = st.sampled_from(
    ["weight", "bias", "weight_g", "weight_v", "weight_orig", "weight_u", "weight_mask", "conv",
     "conv1", "lora_A", "lora_B", "alpha", "experts", "0", "1", "²", "blocks", "attn", "qkv", "fc1",
     "weight_scale_inv", "scale", "qweight", "scales", "qzeros", "in_proj_weight", "weight_ih_l0",
     "weight_hh_l0", "parametrizations", "original0", "original1", "router", "gate", "paths", "h",
     "c_attn", "embed_tokens", "lm_head", "running_mean", "ema", "base_layer", "lora_magnitude",
     "gate_up_proj", "down_proj", "hada_w1_a", "conv_dw", "norm", "convs", "fc2", "downsample",
     "weight_hr_l0", "default", "original_module", "modules_to_save", "x" * 600]
)  # fmt: skip
AXES = st.sampled_from([0, 1, 2, 3, 4, 7, 8, 64, 128, 129, 2**31])
SHAPES = st.lists(AXES, max_size=6).map(tuple) | st.sampled_from([(4, 4, 1, 1), (10**400,), (0,)])
DTYPES = st.sampled_from(
    ["float32", "float16", "bfloat16", "float8_e4m3fn", "int8", "uint8", "int32", "int64", "bool",
     "float4_e2m1", "complex64", "float8_e8m0fnu"]
)  # fmt: skip
NAMES = st.lists(WORDS | TEXTS, min_size=1, max_size=5).map(".".join)


class Headers(Checkpoint):
    """A checkpoint of which there are headers and texts only."""

    path, format, ordered = "headers", "headers", False

    def __init__(self, tensors: Mapping[str, TensorInfo], texts: Mapping[str, str]) -> None:
        self.tensors, self.texts = tensors, texts

    def read(self, name: str) -> torch.Tensor:
        raise CheckpointError("no bytes")

    def read_rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        raise CheckpointError("no bytes")

    def beside(self, name: str) -> str | None:
        return self.texts.get(name)


def _tensors(data: st.DataObject, names: st.SearchStrategy[str] = NAMES) -> dict[str, TensorInfo]:
    rows = data.draw(st.dictionaries(names, st.tuples(SHAPES, DTYPES), max_size=8))
    return {
        name: TensorInfo(name, shape, dtype, 8, (place,))
        for place, (name, (shape, dtype)) in enumerate(rows.items())
    }


def lists_layers(data: st.DataObject) -> None:
    """Any tensors with any config.json and adapter_config.json."""
    texts = {
        "config.json": json.dumps(data.draw(st.dictionaries(CONFIG_KEYS, tree(CONFIG_KEYS)))),
        "adapter_config.json": json.dumps(
            data.draw(st.dictionaries(ADAPTER_KEYS, tree(ADAPTER_KEYS), max_size=5))
        ),
    }
    kept = data.draw(st.lists(st.sampled_from(sorted(texts)), unique=True))
    with contextlib.suppress(CheckpointError):
        found = take_inventory(
            Headers(_tensors(data), {name: texts[name] for name in kept}),
            split_qkv=data.draw(st.booleans()),
        )
        "".join(spec.layer for spec in found.layers).encode()


def cards(data: st.DataObject, folder: Path) -> None:
    keys = st.sampled_from(
        ["license", "model-index", "results", "dataset", "type", "name", "config", "split", "url",
         "metrics", "value", "source", "tags", "library_name", "base_model", "pipeline_tag"]
    )  # fmt: skip
    fields = data.draw(st.dictionaries(keys, tree(keys), max_size=6))
    front = data.draw(st.sampled_from([json.dumps(fields), yaml.safe_dump(fields)]) | TEXTS)
    (folder / "README.md").write_text(f"---\n{front}\n---\n", errors="surrogatepass")
    found = read_card(folder, "lab/net")
    for accuracy in found.accuracies:
        assert math.isfinite(accuracy.value)
        f"{accuracy.dataset}{accuracy.metric}{found.license}".encode()


def configs(data: st.DataObject, folder: Path) -> None:
    keys = st.sampled_from(["model_type", "architectures", "architecture"])
    text = data.draw(tree(keys).map(json.dumps) | TEXTS)
    (folder / "config.json").write_text(text, errors="surrogatepass")
    read_architecture(folder)
    with contextlib.suppress(ValueError):
        lenient_json(text)


def catalogues(data: st.DataObject, folder: Path) -> None:
    keys = st.sampled_from(
        ["title", "models", "queries", "repo_id", "accuracies", "value", "dataset", "metric",
         "source", "file", "package", "author", "filter", "limit", "series", "revision"]
    )  # fmt: skip
    values = st.sampled_from(
        [
            *('"x"', "nan", "inf", "9" * 5000, "1", "true", "[]", "{}", "[{}]", "1979-05-27"),
            '[{repo_id="a/b", accuracies=[{dataset="d", metric="m", value=nan, source="s"}]}]',
            '[{repo_id="a/b", accuracies=[{dataset="d", metric="m", value="0.5%", source="s"}]}]',
            *("[" * 2000, '{a."b\\nc"=1}', '"""\n"""', '"\\u0000"'),
        ]
    )
    lines = data.draw(st.lists(st.tuples(keys | TEXTS.map(json.dumps), values), max_size=5))
    text = "\n".join(f"{key} = {value}" for key, value in lines)
    file = folder / "catalogue.toml"
    file.write_text(
        data.draw(st.just(text) | st.just("\ufeff" + text) | TEXTS), errors="surrogatepass"
    )
    with contextlib.suppress(SourceError):
        load_catalogue(file)


def tables(data: st.DataObject, folder: Path) -> None:
    columns = st.sampled_from(
        ["model", "repo_id", "dataset", "metric", "value", "accuracy", "top1", "top5", "alpha",
         "layer_id", "layer_type", "kind", "D", "sigma", "xmin", "longname", "name", "status", "N",
         "M", "log_norm", "created", "downloads", "revision", "series", "depth", "bytes", "warning"]
    )  # fmt: skip
    cells = SCALARS.map(str) | st.sampled_from(["net", "a/b", "70.1", "success", "2"])
    header = data.draw(st.lists(columns | TEXTS, min_size=1, max_size=7))
    rows = data.draw(st.lists(st.lists(cells, max_size=8), max_size=4))
    file = folder / "table.csv"
    text = "\n".join(",".join(row) for row in [header, *rows])
    file.write_text(text, errors="surrogatepass")
    for read in (
        lambda: any_csv(str(file), {}, {"dataset": "d"}),
        lambda: timm_csv(str(file)),
        lambda: read_averages(file, "m", dataset="d"),
        lambda: read_weightwatcher(file, "m"),
    ):
        with contextlib.suppress(ZooError):
            found = read()
            if isinstance(found, list):
                assert all(math.isfinite(accuracy.value) for accuracy in found)


def adapters(data: st.DataObject) -> None:
    """Pairs of adapters, with any adapter_config.json, which say how strong they are."""
    kinds = st.sampled_from(
        ["lora_A.weight", "lora_B.weight", "lora_down.weight", "lora_up.weight", "alpha",
         "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "lokr_w1", "lokr_w2", "lokr_t2",
         "dora_scale", "lora_mid.weight", "lora_embedding_A", "lora_embedding_B",
         "lora_magnitude_vector", "boft_R", "oft_r", "scalar", "diff", "on_input", "ia3_l"]
    )  # fmt: skip
    layers = st.sampled_from(["base_model.model.a.q_proj", "lora_unet_mid_attn", "a.0.b", "²"])
    names = st.tuples(layers | TEXTS, kinds | TEXTS).map(".".join)
    values = tree(ADAPTER_KEYS) | st.dictionaries(PATTERNS, SCALARS, max_size=3)
    config = data.draw(st.dictionaries(ADAPTER_KEYS, values, max_size=8))
    text = data.draw(st.just(json.dumps(config)) | TEXTS)
    with contextlib.suppress(CheckpointError):
        take_inventory(Headers(_tensors(data, names), {"adapter_config.json": text}))


def indexes(data: st.DataObject) -> None:
    """Any index of shards names files beside it, and nothing else."""
    keys = st.sampled_from(["weight_map", "metadata", "total_size"])
    files = st.sampled_from(["a.safetensors", "../a", "/etc/passwd", "a/../../b", "", "a\\b", "~"])
    names = st.dictionaries(NAMES | TEXTS, files | SCALARS, max_size=5)
    index = data.draw(tree(keys) | st.fixed_dictionaries({"weight_map": names}))
    text = data.draw(st.just(json.dumps(index)) | TEXTS)
    with contextlib.suppress(CheckpointError):
        for name in shard_names(text, "here"):
            assert name not in ("", ".", "..")
            assert name == os.path.basename(os.fsencode(name).decode())


PARSERS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (lists_layers, adapters, indexes, cards, configs, catalogues, tables)
}


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_only_our_own_errors_come_out(parser: Callable[..., None], tmp_path: Path) -> None:
    fuzz(parser, tmp_path, FEW)


@pytest.mark.exhaustive
@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_only_our_own_errors_come_out_of_many(parser: Callable[..., None], tmp_path: Path) -> None:
    fuzz(parser, tmp_path, MANY)
