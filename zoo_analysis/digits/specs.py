"""The models of the digits zoo: three series, each varied one circumstance at a time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from zoo_analysis.folders import user_cache


@dataclass(frozen=True)
class DigitsSpec:
    """One model of the digits zoo: an architecture and the circumstances of its training.

    Attributes:
        name: of its directory.
        series: what it is compared within.
        architecture: timm's name; `model_args` shrink it.
        image_size: pixels a side; the 8 × 8 digits are enlarged bilinearly.
        epochs: passes over the 1,000 training images.
        lr: peak learning rate of a one-cycle schedule.
        weight_decay: AdamW's, decoupled.
        label_noise: share of training labels replaced by random ones.
        seed: of initialisation, label noise and the order of the images.
    """

    name: str
    series: str
    architecture: str
    image_size: int
    epochs: int
    lr: float
    weight_decay: float = 0.05
    label_noise: float = 0.0
    seed: int = 0
    model_args: Mapping[str, Any] = field(default_factory=dict)


def _vgg(width: int, layers: int) -> dict[str, Any]:
    """3 × 3 convolutions, `layers` in each of three stages between max pools."""
    return {
        "stem_chs": [width, width, width],
        "stage_conv_chs": [width, 3 * width // 2, 2 * width, 2 * width],
        "stage_out_chs": [width, 3 * width // 2, 2 * width, 2 * width],
        "layer_per_block": layers,
        "block_per_stage": [1, 1, 1, 0],
        "residual": False,
        "depthwise": False,
        "attn": "",
    }


def _resnet(width: int, blocks: int) -> dict[str, Any]:
    """Three stages of `blocks` residual blocks; the fourth would see one pixel and is left out."""
    return {
        "layers": [blocks, blocks, blocks, 0],
        "channels": [width, 3 * width // 2, 2 * width, 2 * width],
        "stem_width": width,
    }


def _vit(width: int, depth: int) -> dict[str, Any]:
    """`depth` transformer blocks over sixteen 2 × 2 patches, heads of 16."""
    return {
        "img_size": 8,
        "patch_size": 2,
        "embed_dim": width,
        "depth": depth,
        "num_heads": width // 16,
        "class_token": False,
        "global_pool": "avg",
    }


#: timm's own vgg cannot be shrunk (its widths, five pools and 4,096-wide head are fixed). VoVNet
#: without residuals and attention is the same idea, stacks of 3 × 3 convolutions between max
#: pools, with a 1 × 1 convolution closing each stage.
_VGG: Final = DigitsSpec("vgg", "digits-vgg", "vovnet39a", image_size=32, epochs=5, lr=2e-3)
_RESNET: Final = DigitsSpec("resnet", "digits-resnet", "resnet18", image_size=32, epochs=5, lr=2e-3)
_VIT: Final = DigitsSpec(
    "vit", "digits-vit", "vit_tiny_patch16_224", image_size=8, epochs=14, lr=4e-3
)

#: The shapes of each series: base, narrow, wide, shallow, deep.
_SHAPES: Final = (
    (_VGG, [_vgg(32, 2), _vgg(16, 2), _vgg(48, 2), _vgg(32, 1), _vgg(32, 3)]),
    (_RESNET, [_resnet(32, 1), _resnet(16, 1), _resnet(48, 1), _resnet(24, 1), _resnet(32, 2)]),
    (_VIT, [_vit(64, 3), _vit(32, 3), _vit(96, 3), _vit(64, 2), _vit(64, 5)]),
)

_SHAPE_NAMES: Final = ("base", "narrow", "wide", "shallow", "deep")
#: Changed whenever training itself changes, so that cached models of older code are not reused.
_RECIPE: Final = 1


def digits_zoo() -> list[DigitsSpec]:
    """The digits zoo: in each series five shapes, and the base shape trained in other ways.

    Returns:
        27 specifications, nine a series.
    """
    zoo = []
    for family, shapes in _SHAPES:
        base = replace(family, model_args=shapes[0])
        models = {
            **{
                name: replace(family, model_args=shape)
                for name, shape in zip(_SHAPE_NAMES, shapes, strict=True)
            },
            "half": replace(base, epochs=-(-base.epochs // 2)),
            "decay": replace(base, weight_decay=2.0),
            "noise30": replace(base, label_noise=0.3),
            "noise60": replace(base, label_noise=0.6),
        }
        zoo += [replace(spec, name=f"{family.name}-{name}") for name, spec in models.items()]
    return zoo


def digits_dir() -> Path:
    """The folder of the digits zoo: in the user's cache, under a hash of the zoo.

    Returns:
        A directory whose last component is ``digits``, so that its models are called
        ``digits/NAME``; it need not exist.
    """
    text = json.dumps([_RECIPE, [asdict(spec) for spec in digits_zoo()]], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return user_cache() / f"digits-{digest}" / "digits"
