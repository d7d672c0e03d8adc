"""Two million models of a hub as models of a replay, by an assumed distribution of sizes.

Nobody publishes the hub's models by architecture. The shares below are an assumption, made so that
the mean agrees with what is published of its size: over 1.3 million models, and some 30 PB of
models, data sets and their histories in 2024, safetensors files of about 1 GB on the average
(Hugging Face, “From files to chunks”, 2024).
"""

from typing import Final

from zoo_analysis.cluster.planning.replay.language_models import DECODERS, Decoder
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel, dense

#: Models of the whole population.
MODELS: Final = 2_000_000


def _encoder(blocks: int, hidden: int, vocabulary: int) -> list[tuple[int, int]]:
    return list(Decoder(blocks, hidden, 4 * hidden, vocabulary, gated=False, tied=True).sides())


#: Share of the models in percent, matrices, and bytes of a weight.
_KINDS: Final = {
    # An update of rank 16 has the spectrum of a core of that side; its factors are read, each of
    # 16 × 4,096, or 16 × 1,280, weights of two bytes.
    "adapter of a 7B model, rank 16": (24.0, [(16, 16)] * 128, 1024),
    "adapter of an image generator, rank 16": (10.0, [(16, 16)] * 264, 320),
    "policy of a few small layers": (6.0, [(64, 64)] * 4, 4),
    "small encoder, 22M": (8.0, _encoder(6, 384, 30522), 4),
    "BERT base, 110M": (21.0, _encoder(12, 768, 30522), 4),
    "BERT large or speech, 340M": (5.0, _encoder(24, 1024, 30522), 4),
    "ViT base, 86M": (6.0, _encoder(12, 768, 1000), 4),
    "language model, 0.5B": (5.0, list(DECODERS["qwen2.5-0.5b"].sides()), 2),
    "language model, 1.5B": (4.0, list(DECODERS["qwen2.5-1.5b"].sides()), 2),
    "language model, 3B": (2.0, list(DECODERS["llama-3.2-3b"].sides()), 2),
    "language model, 8B": (6.5, list(DECODERS["llama-3.1-8b"].sides()), 2),
    "language model, 14B": (1.2, list(DECODERS["qwen2.5-14b"].sides()), 2),
    "language model, 32B": (0.5, list(DECODERS["qwen2.5-32b"].sides()), 2),
    "language model, 70B": (0.5, list(DECODERS["llama-3.1-70b"].sides()), 2),
    "mixture of experts, 8 x 7B": (0.2, list(DECODERS["mixtral-8x7b"].sides()), 2),
    "language model, 123B": (0.09, list(DECODERS["mistral-large-123b"].sides()), 2),
    "language model, 405B": (0.01, list(DECODERS["llama-3.1-405b"].sides()), 2),
}


def hub_population(models: int = MODELS) -> list[ZooModel]:
    """The population, a model of a replay for each kind.

    Args:
        models: in all.
    """
    return [
        dense(name, sides, width, round(models * share / 100))
        for name, (share, sides, width) in _KINDS.items()
    ]
