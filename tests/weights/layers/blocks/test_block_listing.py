"""Which matrices make a block, and how many heads it has, as libraries build them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers as hf
from torch import nn

from tests.support.routes import HeaderOnly
from zoo_analysis.weights import list_layers, open_checkpoint
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.blocks.block_listing import ModelBlocks, blocks_of
from zoo_analysis.weights.layers.listing import inventory_by, read_config

SMALL = {"num_hidden_layers": 2, "vocab_size": 50, "intermediate_size": 32}


def built(make: Any, config: Any = None, **options: Any) -> nn.Module:
    with torch.device("meta"):
        net: nn.Module = make(**options) if config is None else make(config)
    return net


def listed(
    net: nn.Module, config: Mapping[str, Any] | None = None, planned: bool = True
) -> ModelBlocks:
    """By the architecture and a configuration, or by names, shapes and the configuration alone."""
    plan = describe(net) if planned else None
    return blocks_of(inventory_by(plan, HeaderOnly(net), config or {}, split_qkv=True).layers)


def heads(blocks: ModelBlocks) -> list[tuple[int | None, int]]:
    return [(block.heads, block.kv_heads) for block in blocks.specs if block.kind == "product"]


@pytest.mark.parametrize("told", ["by the architecture", "by the configuration"])
@pytest.mark.parametrize(
    ("make", "config", "expected"),
    [
        (hf.GPT2Model, hf.GPT2Config(n_embd=48, n_layer=2, n_head=3, vocab_size=9), (3, 3)),
        (hf.BertModel, hf.BertConfig(hidden_size=48, num_attention_heads=4, **SMALL), (4, 4)),
        (
            hf.LlamaModel,
            hf.LlamaConfig(
                hidden_size=48, num_attention_heads=8, num_key_value_heads=2, head_dim=4, **SMALL
            ),
            (8, 2),
        ),
        (
            hf.ViTModel,
            hf.ViTConfig(
                hidden_size=48, num_hidden_layers=2, num_attention_heads=6, intermediate_size=32
            ),
            (6, 6),
        ),
        (
            hf.GPTBigCodeModel,
            hf.GPTBigCodeConfig(n_embd=48, n_layer=2, n_head=4, vocab_size=9),
            (4, 1),
        ),
        (
            hf.FalconModel,
            hf.FalconConfig(
                hidden_size=48, num_attention_heads=4, num_hidden_layers=2, vocab_size=9
            ),
            (4, 1),
        ),
        (
            hf.Phi3Model,
            hf.Phi3Config(
                hidden_size=48,
                num_attention_heads=4,
                num_key_value_heads=2,
                pad_token_id=0,
                **SMALL,
            ),
            (4, 2),
        ),
    ],
)
def test_heads_are_those_of_the_architecture_or_of_the_configuration(
    told: str, make: Any, config: Any, expected: tuple[int, int]
) -> None:
    blocks = listed(built(make, config), config.to_dict(), planned=told == "by the architecture")
    assert heads(blocks) == [expected] * 2
    assert not blocks.remarks


@pytest.mark.parametrize("told", ["by the architecture", "by the configuration"])
def test_two_networks_in_one_have_heads_of_their_own(told: str) -> None:
    text = {"hidden_size": 24, "num_attention_heads": 2, **SMALL}
    vision = {"hidden_size": 36, "num_attention_heads": 3, "num_hidden_layers": 1}
    config = hf.CLIPConfig(text_config=text, vision_config={**vision, "intermediate_size": 8})
    net, planned = built(hf.CLIPModel, config), told == "by the architecture"
    blocks = listed(net, config.to_dict(), planned)
    assert sorted(heads(blocks)) == [(2, 2), (2, 2), (3, 3)]


def test_stages_have_heads_of_their_own() -> None:
    net = built(timm.create_model, model_name="swin_tiny_patch4_window7_224")
    assert sorted({number for number, _ in heads(listed(net))}) == [3, 6, 12, 24]


@pytest.mark.parametrize(
    ("make", "config"),
    [
        (
            hf.SwinModel,
            hf.SwinConfig(image_size=32, embed_dim=16, depths=[1, 2], num_heads=[2, 4]),
        ),
        (
            hf.SegformerModel,
            hf.SegformerConfig(
                hidden_sizes=[16, 32],
                depths=[1, 2],
                num_attention_heads=[2, 4],
                num_encoder_blocks=2,
                sr_ratios=[2, 1],
                patch_sizes=[3, 3],
                strides=[2, 2],
                mlp_ratios=[2, 2],
            ),
        ),
    ],
)
def test_stages_have_the_heads_that_a_list_in_config_json_has(
    make: Any, config: Any, tmp_path: Path
) -> None:
    make(config).save_pretrained(tmp_path)  # under names that the modules may have left
    with open_checkpoint(tmp_path) as checkpoint:
        config = read_config(checkpoint)
        blocks = blocks_of(inventory_by(None, checkpoint, config, split_qkv=True).layers)
        assert heads(blocks) == [(2, 2), (4, 4), (4, 4)]
        assert heads(blocks_of(list_layers(checkpoint, split_qkv=True))) == heads(blocks)


def test_encoder_decoder_attention_is_two_blocks_a_layer_and_one() -> None:
    config = hf.T5Config(d_model=32, d_kv=8, num_heads=3, d_ff=16, num_layers=1, vocab_size=9)
    blocks = listed(built(hf.T5Model, config))
    assert [block.layer.split(".")[-1] for block in blocks.specs] == [
        "SelfAttention",
        "SelfAttention",
        "EncDecAttention",
    ]
    assert heads(blocks) == [(3, 3)] * 3


def test_experts_of_one_matrix_are_a_block_whatever_keeps_them() -> None:
    options = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, **SMALL}
    net = built(hf.MixtralModel, hf.MixtralConfig(num_local_experts=4, **options))
    blocks = [block for block in listed(net).specs if block.kind == "linear"]
    assert {len(block.parts) for block in blocks} == {4}
    assert {block.depth for block in blocks} == {part.depth for b in blocks for part in b.parts}
    modules = nn.ModuleDict({"experts": nn.ModuleList(nn.Linear(8, 6) for _ in range(3))})
    (block,) = listed(modules).specs
    assert (block.layer, block.shape, len(block.parts)) == ("experts.*", (6, 8), 3)


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (lambda: nn.Linear(4, 4), "neither attention by heads nor experts"),
        (
            lambda: built(
                hf.GPTNeoXModel, hf.GPTNeoXConfig(hidden_size=32, num_attention_heads=4, **SMALL)
            ),
            "q, k, v and output are not told apart",
        ),
        (
            lambda: built(timm.create_model, model_name="levit_128s"),
            "q, k, v and output are not told apart",
        ),
    ],
)
def test_what_has_no_products_says_why(net: Any, why: str) -> None:
    blocks = listed(net())
    assert not blocks.specs
    (remark,) = blocks.remarks
    assert why in remark


def test_scores_of_channels_are_no_product_of_weights() -> None:
    blocks = listed(built(timm.create_model, model_name="xcit_nano_12_p16_224"))
    assert {block.layer.split(".")[0] for block in blocks.specs} == {"cls_attn_blocks"}
    (remark,) = blocks.remarks
    assert "12 of 14 blocks: neither architecture nor config.json tells how many heads" in remark


def test_a_part_without_heads_is_counted_among_those_with() -> None:
    net = nn.ModuleDict({"a": nn.MultiheadAttention(8, 2), "b": nn.MultiheadAttention(8, 2)})
    plan = describe(nn.ModuleDict({"a": net["a"]}))
    layers = inventory_by(plan, HeaderOnly(net), {}, split_qkv=True).layers
    blocks = blocks_of(layers)
    assert len(blocks.specs) == 1
    assert blocks.remarks == (
        "1 of 2 blocks: neither architecture nor config.json tells how many heads: no products",
    )
