"""Language models from 0.1 to 405 billion parameters as models of a replay, from configurations.

The numbers are those of the models' published config.json.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel, dense

#: Models of each architecture: as it was trained, instructed, and tuned by others.
_COPIES: Final = 5


@dataclass(frozen=True)
class Decoder:
    """The configuration of a transformer.

    Attributes:
        blocks: of attention and perceptron.
        hidden: width of the residual stream.
        inner: width of the perceptron, or of each of the experts.
        vocabulary: rows of the embedding.
        kv: width of the keys and of the values; that of the queries where None.
        queries: width of the queries; `hidden` where None.
        gated: whether the perceptron has a gate, a third matrix.
        experts: perceptrons of a block.
        tied: whether the head is the embedding.
    """

    blocks: int
    hidden: int
    inner: int
    vocabulary: int
    kv: int | None = None
    queries: int | None = None
    gated: bool = True
    experts: int = 1
    tied: bool = False

    def sides(self) -> Iterator[tuple[int, int]]:
        """(out, in) of every matrix."""
        queries = self.queries or self.hidden
        kv = self.kv or queries
        for _ in range(1 if self.tied else 2):
            yield self.vocabulary, self.hidden
        for _ in range(self.blocks):
            yield queries, self.hidden
            yield kv, self.hidden
            yield kv, self.hidden
            yield self.hidden, queries
            if self.experts > 1:
                yield self.experts, self.hidden
            for _ in range(self.experts):
                for _ in range(2 if self.gated else 1):
                    yield self.inner, self.hidden
                yield self.hidden, self.inner


def _plain(blocks: int, hidden: int, vocabulary: int, tied: bool = True) -> Decoder:
    """A decoder as the first GPT: a perceptron of four times the width, and no gate."""
    return Decoder(blocks, hidden, 4 * hidden, vocabulary, gated=False, tied=tied)


DECODERS: Final = {
    "gpt2": _plain(12, 768, 50257),
    "gpt2-medium": _plain(24, 1024, 50257),
    "gpt2-large": _plain(36, 1280, 50257),
    "gpt2-xl": _plain(48, 1600, 50257),
    "opt-125m": _plain(12, 768, 50272),
    "opt-350m": _plain(24, 1024, 50272),
    "opt-1.3b": _plain(24, 2048, 50272),
    "opt-2.7b": _plain(32, 2560, 50272),
    "opt-6.7b": _plain(32, 4096, 50272),
    "opt-13b": _plain(40, 5120, 50272),
    "opt-30b": _plain(48, 7168, 50272),
    "opt-66b": _plain(64, 9216, 50272),
    "pythia-70m": _plain(6, 512, 50304, tied=False),
    "pythia-160m": _plain(12, 768, 50304, tied=False),
    "pythia-410m": _plain(24, 1024, 50304, tied=False),
    "pythia-1b": _plain(16, 2048, 50304, tied=False),
    "pythia-1.4b": _plain(24, 2048, 50304, tied=False),
    "pythia-2.8b": _plain(32, 2560, 50304, tied=False),
    "pythia-6.9b": _plain(32, 4096, 50432, tied=False),
    "pythia-12b": _plain(36, 5120, 50688, tied=False),
    "bloom-560m": _plain(24, 1024, 250880),
    "bloom-1b1": _plain(24, 1536, 250880),
    "bloom-1b7": _plain(24, 2048, 250880),
    "bloom-3b": _plain(30, 2560, 250880),
    "bloom-7b1": _plain(30, 4096, 250880),
    "bloom": _plain(70, 14336, 250880),
    "llama-7b": Decoder(32, 4096, 11008, 32000),
    "llama-13b": Decoder(40, 5120, 13824, 32000),
    "llama-30b": Decoder(60, 6656, 17920, 32000),
    "llama-65b": Decoder(80, 8192, 22016, 32000),
    "llama-2-70b": Decoder(80, 8192, 28672, 32000, kv=1024),
    "llama-3.2-1b": Decoder(16, 2048, 8192, 128256, kv=512, tied=True),
    "llama-3.2-3b": Decoder(28, 3072, 8192, 128256, kv=1024, tied=True),
    "llama-3.1-8b": Decoder(32, 4096, 14336, 128256, kv=1024),
    "llama-3.1-70b": Decoder(80, 8192, 28672, 128256, kv=1024),
    "llama-3.1-405b": Decoder(126, 16384, 53248, 128256, kv=1024),
    "mistral-7b": Decoder(32, 4096, 14336, 32000, kv=1024),
    "mistral-nemo-12b": Decoder(40, 5120, 14336, 131072, kv=1024, queries=4096),
    "mistral-large-123b": Decoder(88, 12288, 28672, 32768, kv=1024),
    "mixtral-8x7b": Decoder(32, 4096, 14336, 32000, kv=1024, experts=8),
    "mixtral-8x22b": Decoder(56, 6144, 16384, 32768, kv=1024, experts=8),
    "qwen2.5-0.5b": Decoder(24, 896, 4864, 151936, kv=128, tied=True),
    "qwen2.5-1.5b": Decoder(28, 1536, 8960, 151936, kv=256, tied=True),
    "qwen2.5-3b": Decoder(36, 2048, 11008, 151936, kv=256, tied=True),
    "qwen2.5-7b": Decoder(28, 3584, 18944, 152064, kv=512),
    "qwen2.5-14b": Decoder(48, 5120, 13824, 152064, kv=1024),
    "qwen2.5-32b": Decoder(64, 5120, 27648, 152064, kv=1024),
    "qwen2.5-72b": Decoder(80, 8192, 29568, 152064, kv=1024),
    "gemma-2b": Decoder(18, 2048, 16384, 256000, kv=256, tied=True),
    "gemma-7b": Decoder(28, 3072, 24576, 256000, queries=4096, tied=True),
    "gemma-2-9b": Decoder(42, 3584, 14336, 256000, kv=2048, queries=4096, tied=True),
    "gemma-2-27b": Decoder(46, 4608, 36864, 256000, kv=2048, queries=4096, tied=True),
    "phi-2": Decoder(32, 2560, 10240, 51200, gated=False),
    "phi-3-mini": Decoder(32, 3072, 8192, 32064),
    "falcon-7b": Decoder(32, 4544, 18176, 65024, kv=64, gated=False, tied=True),
    "falcon-40b": Decoder(60, 8192, 32768, 65024, kv=512, gated=False, tied=True),
    "falcon-180b": Decoder(80, 14848, 59392, 65024, kv=512, gated=False, tied=True),
    "yi-34b": Decoder(60, 7168, 20480, 64000, kv=1024),
    "deepseek-67b": Decoder(95, 8192, 22016, 102400, kv=1024),
    "dbrx-132b": Decoder(40, 6144, 10752, 100352, kv=1024, experts=16),
    "grok-1": Decoder(64, 6144, 32768, 131072, kv=1024, experts=8, tied=True),
}


def language_models() -> list[ZooModel]:
    """Five models of each of the decoders, in bfloat16: 305 in all."""
    return [dense(name, each.sides(), 2, _COPIES) for name, each in DECODERS.items()]
