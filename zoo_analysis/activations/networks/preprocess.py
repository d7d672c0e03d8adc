"""From a probe's pictures to what an image model takes: by its own preprocessing."""

from typing import Any

import numpy as np
import torch
from torch import nn

from zoo_analysis.activations.networks.network import Feed
from zoo_analysis.activations.probes.probe import Probe
from zoo_analysis.errors import ActivationError


def timm_images(model: nn.Module, name: str) -> Feed:
    """A timm model's preprocessing: its data configuration's resizing, crop and normalisation.

    Args:
        model: whose ``pretrained_cfg`` says how; pictures become grey for one input channel.
        name: for errors.

    Raises:
        ActivationError: a number of input channels that pictures do not have.
    """
    from timm.data import create_transform, resolve_model_data_config

    config = resolve_model_data_config(model)
    channels = config["input_size"][0]
    mode = _mode(channels, name)
    for statistic in ("mean", "std"):
        if len(config[statistic]) != channels:  # RGB statistics of a model made for grey
            config[statistic] = (float(np.mean(config[statistic])),) * channels
    transform = create_transform(**config, is_training=False)

    def feed(probe: Probe, part: slice, _: int) -> torch.Tensor:
        return torch.stack([transform(_picture(image, mode)) for image in probe.images[part]])

    return feed


def transformers_images(processor: Any, channels: int, name: str) -> Feed:
    """A transformers model's preprocessing: its image processor.

    Args:
        processor: as AutoImageProcessor gives it.
        channels: that the model takes; pictures become grey for one.
        name: for errors.

    Raises:
        ActivationError: a number of input channels that pictures do not have.
    """
    mode = _mode(channels, name)
    # Most processors turn every picture into RGB unless they are told not to.
    options = {"do_convert_rgb": False} if channels == 1 else {}

    def feed(probe: Probe, part: slice, _: int) -> torch.Tensor:
        pictures = [_picture(image, mode) for image in probe.images[part]]
        pixels = processor(images=pictures, return_tensors="pt", **options)["pixel_values"]
        return torch.as_tensor(pixels)

    return feed


def _mode(channels: int, name: str) -> str:
    """Pillow's name of pictures of so many channels."""
    modes = {1: "L", 3: "RGB"}
    if channels not in modes:
        raise ActivationError(
            f"{name}: takes images of {channels} channels, which pictures do not have; leave it out"
        )
    return modes[channels]


def _picture(image: np.ndarray, mode: str) -> Any:
    from PIL import Image

    return Image.fromarray(image).convert(mode)
