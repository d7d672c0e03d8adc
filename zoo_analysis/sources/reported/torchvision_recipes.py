"""Accuracies that torchvision reports of its own weights."""

import re
from collections.abc import Iterator
from typing import Final

from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.sources.reported.source import AccuracySource

_URL: Final = "https://docs.pytorch.org/vision/stable/models.html"
#: torchvision's names of its training recipes → timm's tags.
_TAGS: Final = {"IMAGENET1K_V1": "tv_in1k", "IMAGENET1K_V2": "tv2_in1k"}


def torchvision_accuracies() -> list[Accuracy]:
    """Top-1 and top-5 accuracies on ImageNet from torchvision's metadata, in percent.

    They are of the weights that the hub holds as ``timm/*.tv_in1k`` and ``timm/*.tv2_in1k``: the
    first and second training recipe.
    """
    import timm
    from torchvision import models

    known = set(timm.list_models("*.tv*_in1k", pretrained=True))
    out = []
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            tag = _TAGS.get(weights.name)
            repository = next((f"{n}.{tag}" for n in _timm(name) if f"{n}.{tag}" in known), None)
            if repository is None:
                continue
            reported = weights.meta["_metrics"]["ImageNet-1K"]
            for metric, key in (("accuracy", "acc@1"), ("top5", "acc@5")):
                out.append(
                    Accuracy(
                        repo_id=f"timm/{repository}",
                        dataset="imagenet-1k",
                        metric=metric,
                        value=float(reported[key]),
                        source="torchvision",
                        split="validation",
                        source_url=_URL,
                    )
                )
    return out


def _timm(name: str) -> Iterator[str]:
    """timm's possible names of torchvision's model: ``regnet_y_1_6gf`` is ``regnety_016``."""
    yield name
    if match := re.fullmatch(r"regnet_([xy])_(?:(\d)00mf|(\d+)(?:_(\d))?gf)", name):
        kind, mega, whole, tenth = match.groups()
        size = f"00{mega}" if mega else f"{int(whole):02}{tenth or 0}"
        yield from (f"regnet{kind}_{size}", f"regnet{kind}_{size}_tv")


SOURCE = AccuracySource(
    "torchvision",
    lambda asked: torchvision_accuracies(),
    about="What torchvision says of its weights, which are timm/*.tv_in1k on the hub.",
    mapped=False,
)
