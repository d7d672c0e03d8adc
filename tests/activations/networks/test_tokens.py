"""Which word of a text each token of a model's own belongs to."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support import loadable_models as revivable
from zoo_analysis.activations.networks.tokens import NO_WORD, text_feed, words_of
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.activations.probes.probe import text_probe
from zoo_analysis.errors import ActivationError

words = st.lists(st.text("abcé漢!", min_size=1, max_size=6), min_size=1, max_size=8)


@given(words, st.booleans(), st.integers(0, 50), st.data())
def test_pieces_of_a_word_belong_to_it(
    found: list[str], with_space: bool, before: int, data: st.DataObject
) -> None:
    offsets, expected, at = [(0, 0)], [NO_WORD], 0
    for number, word in enumerate(found):
        cuts = data.draw(st.sets(st.integers(1, len(word))))
        edges = [0, *sorted(cuts - {len(word)}), len(word)]
        for start, stop in pairwise(edges):
            leading = with_space and start == 0 and at > 0
            offsets.append((at + start - leading, at + stop))
            expected.append(before + number)
        at += len(word) + 1
    assert words_of(" ".join(found), [*offsets, (0, 0)], before) == [*expected, NO_WORD]


def test_a_space_of_its_own_belongs_to_no_word() -> None:
    assert words_of("a b", [(0, 1), (1, 2), (2, 3)]) == [0, NO_WORD, 1]


def test_a_word_without_a_token_is_named() -> None:
    with pytest.raises(ActivationError, match="m: its tokenizer gives the word 'b' no token"):
        words_of("a b", [(0, 3)], name="m")


@pytest.mark.parametrize("kind", ["byte_level", "word_pieces", "unigram"])
def test_the_tokens_of_a_word_spell_it(kind: str) -> None:
    tokenizer = getattr(revivable, kind)()
    probe = load_probe("text", 300)
    batch = text_feed(tokenizer, 10**6, "m")(probe, slice(None), 0)
    spelled: dict[int, list[int]] = {}
    for ids, owners in zip(batch["input_ids"], batch["words"], strict=True):
        for token, owner in zip(ids.tolist(), owners.tolist(), strict=True):
            spelled.setdefault(owner, []).append(token)
    assert not tokenizer.decode(spelled.pop(NO_WORD, []), skip_special_tokens=True).strip(" ▁")
    all_words = " ".join(probe.texts).split()
    assert sorted(spelled) == list(range(len(all_words)))
    for number, tokens in spelled.items():
        text = tokenizer.decode(tokens).replace(" ", "").replace("##", "").replace("▁", "")
        assert text.lower() == all_words[number].lower()


def test_what_the_model_sees_is_what_its_tokenizer_gives() -> None:
    tokenizer = revivable.word_pieces()
    probe = load_probe("text", 96)
    batch = text_feed(tokenizer, 512, "m")(probe, slice(None), 0)
    alone = [tokenizer(text, truncation=False, padding=False)["input_ids"] for text in probe.texts]
    assert len({len(ids) for ids in alone}) > 1
    for i, ids in enumerate(alone):
        assert batch["input_ids"][i, : len(ids)].tolist() == ids
        assert batch["attention_mask"][i].tolist() == [
            int(k < len(ids)) for k in range(batch["input_ids"].shape[1])
        ]
        assert (batch["words"][i, len(ids) :] == NO_WORD).all()
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())


def test_more_tokens_than_the_model_takes_are_refused() -> None:
    feed = text_feed(revivable.byte_level(), 10, "m")
    with pytest.raises(ActivationError, match=r"m: takes 10 tokens, and 12 words of p-\w+ are"):
        feed(text_probe("p", ["word " * 11 + "word"]), slice(None), 0)
