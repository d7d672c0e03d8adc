"""Kind, groups and depth from the architecture and from names and shapes agree: timm."""

import warnings

import pytest
import timm
import torch
from scipy.stats import kendalltau

from tests.support.routes import HeaderOnly, books, disagreements, layers_by

SAMPLE = (
    "resnet18 resnext50_32x4d resnest14d skresnet18 res2next50 nf_resnet26 resnet50_clip "
    "regnety_002 densenet121 vgg11 inception_v3 xception41 efficientnet_b0 efficientnet_cc_b0_4e "
    "mixnet_s mobilenetv3_small_100 mobilenetv4_hybrid_medium ghostnetv3_050 fastvit_t8 "
    "repvgg_b1g4 convnext_atto edgenext_xx_small hrnet_w18_small dla60_res2next dpn68 cspresnext50 "
    "vit_tiny_patch16_224 beit_base_patch16_224 eva02_tiny_patch14_224 swinv2_tiny_window8_256 "
    "mvitv2_tiny pvt_v2_b0 levit_128s efficientformerv2_s0 maxvit_rmlp_pico_rw_256 "
    "crossvit_tiny_240 xcit_nano_12_p16_224 mixer_s16_224 gmlp_s16_224 sequencer2d_s "
    "caformer_s18 dm_nfnet_f0 lambda_resnet26t bat_resnext26ts vitamin_small_224 "
    "cpubone_b0_bfrobust lowformer_b0 efficientvit_b0 hiera_tiny_224 naflexvit_base_patch16_gap"
)
KNOWN = [name for name in SAMPLE.split(" ") if name in set(timm.list_models())]


def build(name: str) -> torch.nn.Module:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return timm.create_model(name, pretrained=False)


def check(name: str) -> None:
    model = build(name)
    found = disagreements(model)
    assert not found, f"{name}: {len(found)} layers differ, such as {found[:3]}"
    inventory = books(model)
    assert inventory.coverage is not None
    # Banks of kernels that are mixed anew for every input are no matrices of the network.
    if not name.startswith(("efficientnet_cc", "tf_efficientnet_cc")):
        assert inventory.coverage > 0.9, f"{name}: {inventory.left_out}"


@pytest.mark.parametrize("name", KNOWN)
def test_names_tell_what_the_architecture_tells(name: str) -> None:
    check(name)


def test_the_sample_is_known_to_timm() -> None:
    """timm drops a model now and then; the sample must stay a sample."""
    assert len(KNOWN) >= 40


def test_order_of_a_sorted_file_is_nearly_the_order_of_definition() -> None:
    correlations = []
    for name in KNOWN[::4]:
        model = build(name)
        true = [spec.layer for spec in layers_by(None, HeaderOnly(model), {})]
        told = [spec.layer for spec in layers_by(None, HeaderOnly(model, ordered=False), {})]
        places = {layer: place for place, layer in enumerate(true)}
        correlations.append(kendalltau(range(len(told)), [places[n] for n in told]).statistic)
    assert min(correlations) > 0.7
    assert sum(correlations) / len(correlations) > 0.97


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", timm.list_models())
def test_names_tell_what_every_architecture_tells(name: str) -> None:
    check(name)
