"""Twelve randomly initialised timm architectures, as the hub would hold them."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ARCHITECTURES = (
    "resnet18",
    "resnet50",
    "densenet121",
    "vgg11",
    "efficientnet_b0",
    "mobilenetv3_large_100",
    "convnext_tiny",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "mixer_b16_224",
    "regnety_032",
    "swin_tiny_patch4_window7_224",
)


@contextmanager
def zoo_on_disk(names: tuple[str, ...] = ARCHITECTURES) -> Iterator[Path]:
    """A temporary directory with a model directory for each architecture."""
    import timm
    import torch
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            torch.manual_seed(0)
            model = timm.create_model(name, pretrained=False)
            home = Path(folder) / name
            home.mkdir()
            state = {key: value.contiguous() for key, value in model.state_dict().items()}
            save_file(state, home / "model.safetensors")
            (home / "config.json").write_text(json.dumps({"architecture": name}))
        yield Path(folder)
