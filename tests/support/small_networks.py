"""Networks of the tests' own, ready to be shown a probe."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from zoo_analysis.activations.networks.network import Batch, Network
from zoo_analysis.activations.probes.probe import Probe, image_probe, text_probe


def noise_images(n: int, side: int = 8, width: int | None = None, channels: int = 3) -> Probe:
    shape = (n, side, width or side, channels)[: 3 + (channels > 1)]
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return image_probe("noise", list(images), np.arange(n) % 10)


def as_input(probe: Probe) -> torch.Tensor:
    """(n, channels, height, width) in [0, 1], as `seeing` feeds it."""
    images = torch.tensor(np.stack(probe.images)) / 255
    return images[:, None] if images.ndim == 3 else images.movedim(-1, 1)


def seeing(module: nn.Module, classifier: Sequence[str] = ()) -> Network:
    """A network of images."""

    def feed(probe: Probe, part: slice, before: int) -> torch.Tensor:
        return as_input(probe)[part]

    def run(network: nn.Module, batch: Batch) -> torch.Tensor | None:
        output = network(batch)
        return output if classifier else None

    cpu = torch.device("cpu")
    return Network("small", module.eval(), "images", cpu, feed, run, tuple(classifier))


#: Passages whose words are cut into letters or taken whole.
PASSAGES = text_probe("passages", ["the cat saw a dog", "a dog ran", "home the cat ran to was far"])


def reading(module: nn.Module, whole_words: bool, classifier: Sequence[str] = ()) -> Network:
    """A network of text whose tokens are letters, or words; 0 begins a passage, 1 pads it."""
    vocabulary = sorted({word for text in PASSAGES.texts for word in text.split()})

    def feed(probe: Probe, part: slice, before: int) -> Batch:
        ids, words = [], []
        for text in probe.texts[part]:
            row, owner = [0], [-1]
            for word in text.split():
                cut = [vocabulary.index(word)] if whole_words else [ord(c) - 97 for c in word]
                row += [2 + code for code in cut]
                owner += [before] * len(cut)
                before += 1
            ids.append(row)
            words.append(owner)
        longest = max(map(len, ids))
        padded = [row + [1] * (longest - len(row)) for row in ids]
        return {
            "input_ids": torch.tensor(padded),
            "attention_mask": torch.tensor(
                [[1] * len(row) + [0] * (longest - len(row)) for row in ids]
            ),
            "words": torch.tensor([row + [-1] * (longest - len(row)) for row in words]),
        }

    def run(network: nn.Module, batch: Any) -> None:
        network(**{name: tensor for name, tensor in batch.items() if name != "words"})

    return Network(
        "small", module.eval(), "text", torch.device("cpu"), feed, run, tuple(classifier)
    )
