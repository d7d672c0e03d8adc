"""The books balance for the networks of diffusers' pipelines, and nothing of them is missed."""

import diffusers
import pytest
import torch

from tests.support.routes import books

#: class → options; an empty one is the library's default, which is that of a well-known model.
NETWORKS: dict[str, dict[str, object]] = {
    "UNet2DConditionModel": {},
    "UNet2DModel": {},
    "UNet1DModel": {},
    "UNet3DConditionModel": {},
    "UNetSpatioTemporalConditionModel": {"num_attention_heads": (5, 10, 20, 20)},
    "ControlNetModel": {},
    "T2IAdapter": {},
    "AutoencoderKL": {},
    "AutoencoderTiny": {},
    "AutoencoderDC": {},
    "VQModel": {},
    "ConsistencyDecoderVAE": {},
    "DiTTransformer2DModel": {"num_layers": 2},
    "PixArtTransformer2DModel": {"num_layers": 2},
    "SD3Transformer2DModel": {"num_layers": 2},
    "FluxTransformer2DModel": {"num_layers": 1, "num_single_layers": 1},
    "AuraFlowTransformer2DModel": {"num_mmdit_layers": 1, "num_single_dit_layers": 1},
    "SanaTransformer2DModel": {"num_layers": 1},
    "HunyuanDiT2DModel": {"num_layers": 2, "sample_size": 32, "in_channels": 4, "patch_size": 2,
                          "hidden_size": 1408},
    "CogVideoXTransformer3DModel": {"num_layers": 1},
    "WanTransformer3DModel": {"num_layers": 1},
    "PriorTransformer": {"num_layers": 1},
    "MotionAdapter": {},
    "Kandinsky3UNet": {},
    "StableCascadeUNet": {"block_out_channels": (320, 640), "num_attention_heads": (0, 10),
                          "down_num_layers_per_block": (1, 1), "up_num_layers_per_block": (1, 1),
                          "down_blocks_repeat_mappers": (1, 1), "up_blocks_repeat_mappers": (1, 1),
                          "block_types_per_layer": (("SDCascadeResBlock",), ("SDCascadeResBlock",)),
                          "self_attn": False, "kernel_size": 3, "dropout": (0.1, 0.1),
                          "switch_level": (False,)},
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_of_a_pipeline_is_measured_or_has_a_reason(name: str) -> None:
    with torch.device("meta"):
        model = getattr(diffusers, name)(**NETWORKS[name])
    inventory = books(model)
    assert inventory.coverage is not None
    assert inventory.coverage > 0.9, inventory.left_out
