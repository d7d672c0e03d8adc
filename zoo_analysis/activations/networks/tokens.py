"""From a probe's words to what a language model takes: by its own tokenizer."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch.nn.utils.rnn import pad_sequence

from zoo_analysis.activations.networks.network import WORDS, Feed
from zoo_analysis.activations.probes.probe import Probe
from zoo_analysis.errors import ActivationError

#: The word of a token that belongs to none: padding, and what the tokenizer adds.
NO_WORD: Final = -1


def text_feed(tokenizer: Any, longest: int, name: str) -> Feed:
    """A language model's inputs, and which word each of its tokens belongs to.

    Passages are tokenized whole, so that a model reads them as it was trained to, and padded at
    the end under a mask.

    Args:
        tokenizer: a fast one, as AutoTokenizer gives it.
        longest: tokens that the model takes.
        name: for errors.
    """

    def feed(probe: Probe, part: slice, before: int) -> dict[str, torch.Tensor]:
        columns: dict[str, list[torch.Tensor]] = {}
        for text in probe.texts[part]:
            encoded = tokenizer(
                text, padding=False, truncation=False, return_offsets_mapping=True, verbose=False
            )
            ids = encoded["input_ids"]
            if len(ids) > longest:
                raise ActivationError(
                    f"{name}: takes {longest} tokens, and {len(text.split())} words of {probe.id} "
                    f"are {len(ids)} of its own; choose another text"
                )
            row = {key: encoded[key] for key in tokenizer.model_input_names if key in encoded}
            row["attention_mask"] = [1] * len(ids)
            row[WORDS] = words_of(text, encoded["offset_mapping"], before, name)
            for key, values in row.items():
                columns.setdefault(key, []).append(torch.tensor(values))
            before += len(text.split())
        padding = {WORDS: NO_WORD, "input_ids": tokenizer.pad_token_id or 0}
        return {
            key: pad_sequence(rows, batch_first=True, padding_value=padding.get(key, 0))
            for key, rows in columns.items()
        }

    return feed


def words_of(
    text: str, offsets: Sequence[tuple[int, int]], before: int = 0, name: str = ""
) -> list[int]:
    """The word that each token belongs to, by the characters it stands for.

    A token of several words belongs to the first of them.

    Args:
        text: words separated by single spaces.
        offsets: of each token, the half-open range of its characters; (0, 0) of what the
            tokenizer added.
        before: the number of the text's first word.
        name: of the model, for errors.

    Returns:
        Numbers from `before` on, `NO_WORD` for tokens without a word's character.

    Raises:
        ActivationError: a word without a token of its own.
    """
    word_at: list[int] = []
    words = text.split(" ")
    for number, word in enumerate(words):
        word_at += [*[number] * len(word), NO_WORD]
    found = [max(word_at[start:stop][:2], default=NO_WORD) for start, stop in offsets]
    if missing := set(range(len(words))).difference(found):
        raise ActivationError(
            f"{name}: its tokenizer gives the word {words[min(missing)]!r} no token of its own; "
            "choose another text"
        )
    return [NO_WORD if word == NO_WORD else before + word for word in found]
