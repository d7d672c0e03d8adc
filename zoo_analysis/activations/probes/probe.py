"""Probes: inputs that every model of a run is shown, and the identity of their content."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

#: Pictures, or passages of words.
Kind = Literal["images", "text"]


@dataclass(frozen=True)
class Probe:
    """Inputs as they are before any model's own preprocessing.

    Attributes:
        name: as the user asked for it; of a file or directory its last component.
        id: the name and twelve hexadecimal digits of the content's SHA-256, labels included: the
            same id is the same inputs in the same order.
        kind: of its samples.
        images: uint8, each (height, width) or (height, width, 3); empty for text.
        texts: passages of whitespace-separated words, each short enough for one forward pass;
            empty for images.
        labels: (n,) int64 of images whose class is known, else None.
    """

    name: str
    id: str
    kind: Kind
    images: tuple[np.ndarray, ...] = ()
    texts: tuple[str, ...] = ()
    labels: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Samples: images, or words."""
        if self.kind == "images":
            return len(self.images)
        return sum(len(text.split()) for text in self.texts)


def image_probe(name: str, images: Sequence[np.ndarray], labels: np.ndarray | None = None) -> Probe:
    """A probe of images.

    Args:
        name: of the probe.
        images: uint8, each (height, width) or (height, width, 3).
        labels: (n,) their classes, where known.
    """
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes())
    if labels is not None:
        labels = np.asarray(labels, dtype=np.int64)
        digest.update(b"labels" + labels.tobytes())
    return Probe(name, _id(name, digest.hexdigest()), "images", images=tuple(images), labels=labels)


def text_probe(name: str, texts: Sequence[str]) -> Probe:
    """A probe of words.

    Args:
        name: of the probe.
        texts: passages, each short enough for one forward pass of any model.
    """
    digest = hashlib.sha256("\n".join(texts).encode())
    return Probe(name, _id(name, digest.hexdigest()), "text", texts=tuple(texts))


def _id(name: str, digest: str) -> str:
    return f"{name}-{digest[:12]}"
