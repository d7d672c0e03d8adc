"""A model brought to life: what a probe becomes as its input, and how it is run."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from zoo_analysis.activations.probes.probe import Kind, Probe
from zoo_analysis.errors import ActivationError
from zoo_analysis.weights import Checkpoint
from zoo_analysis.weights.quiet import quietly

#: Seconds of Python's that a network's weights may take to be put into it.
LOAD_SECONDS: Final = 600.0
#: Parameters that a network may have beyond its weights, which are then said to be missing.
_SPARE: Final = 1 << 26
#: Images as one tensor (batch, channels, height, width); text as ``input_ids``,
#: ``attention_mask`` (batch, tokens), what else the model asks for, and `WORDS`.
Batch = torch.Tensor | Mapping[str, torch.Tensor]
#: From a slice of a probe's images or texts, and the number of words before it, to a batch on the
#: CPU.
Feed = Callable[[Probe, slice, int], Batch]
#: The entry of a text batch that the model does not see: (batch, tokens) int64, each token's word.
WORDS = "words"


@dataclass(frozen=True)
class Network:
    """A network in evaluation mode that needs no gradients, and its own preprocessing.

    Attributes:
        name: of the model, for errors.
        module: float32, on `device`.
        kind: of the probes it takes.
        device: where the module is, and where batches are put.
        feed: the model's own preprocessing.
        run: a batch through the module: its logits (batch, classes), or None if it has none.
        classifier: names of the modules that end in classes or a vocabulary.
    """

    name: str
    module: nn.Module
    kind: Kind
    device: torch.device
    feed: Feed
    run: Callable[[nn.Module, Batch], torch.Tensor | None]
    classifier: tuple[str, ...] = ()

    def batches(self, probe: Probe, batch_size: int) -> Iterator[Batch]:
        """The probe as inputs of this model, in the probe's order, on the model's device.

        Args:
            probe: of the model's own kind.
            batch_size: images or passages a batch; the last may have fewer.

        Raises:
            ActivationError: a probe of another kind, or one that the model cannot take.
        """
        if probe.kind != self.kind:
            raise ActivationError(
                f"{self.name}: takes {self.kind} and cannot be shown {probe.id}, "
                f"a probe of {probe.kind}; choose another `probe`"
            )
        before = 0
        for start in range(0, len(probe.images) or len(probe.texts), batch_size):
            part = slice(start, start + batch_size)
            with self._in_one_line("preprocessing"):
                batch = self.feed(probe, part, before)
            before += sum(len(text.split()) for text in probe.texts[part])
            if isinstance(batch, torch.Tensor):
                yield batch.to(self.device)
            else:
                yield {name: tensor.to(self.device) for name, tensor in batch.items()}

    def forward(self, batch: Batch) -> torch.Tensor | None:
        """One forward pass.

        Args:
            batch: one of `batches`.

        Returns:
            Logits (batch, classes) of a classifier of images or passages; None of any other model,
            language models included: vocabularies cannot be compared.

        Raises:
            ActivationError: the network fails on it.
        """
        with self._in_one_line("forward pass"), torch.inference_mode():
            return self.run(self.module, batch)

    @staticmethod
    def words(batch: Batch) -> torch.Tensor:
        """The word of the probe that each token belongs to.

        Args:
            batch: of text.

        Returns:
            (batch, tokens) int64: the word's number, counted through the whole probe from 0; −1
            for padding and special tokens. Every word of the batch has at least one token.
        """
        assert not isinstance(batch, torch.Tensor)
        return batch[WORDS]

    @contextmanager
    def _in_one_line(self, what: str) -> Iterator[None]:
        """Whatever a library raises as one line, and nothing of what it prints."""
        try:
            with quietly():
                yield
        except ActivationError:
            raise
        except Exception as error:
            raise ActivationError(
                f"{self.name}: its {what} fails with {type(error).__name__}: {one_line(error)}; "
                "choose another `probe`, or leave the model out"
            ) from error


def refuse_larger(name: str, tensors: Iterable[torch.Tensor], checkpoint: Checkpoint) -> None:
    """Refuse a network that is larger than its weights, before memory is given to it.

    Args:
        name: of the model, for errors.
        tensors: of the network, without values.
        checkpoint: its weights.

    Raises:
        ActivationError: it has more elements than the checkpoint, and `_SPARE` besides.
    """
    needed = sum(tensor.numel() for tensor in tensors)
    stored = sum(math.prod(info.shape) for info in checkpoint.tensors.values())
    if needed > 2 * stored + _SPARE:
        raise ActivationError(
            f"{name}: its configuration makes a network of {needed} parameters, and its weights "
            f"are {stored}; correct config.json"
        )


def one_line(error: BaseException) -> str:
    """The beginning of a library's message, on one line."""
    return " ".join(str(error).split())[:200]
