"""Small models in hub layout, with tokenizers trained on the default text."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers as tf
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from zoo_analysis.activations.probes.text import default_text

VOCABULARY = 600
_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


@cache
def byte_level() -> Any:
    """As GPT-2 has it: a token may begin with the space before a word."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<eos>"], show_progress=False
    )
    tokenizer.train_from_iterator([default_text()], trainer)
    return tf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>")


@cache
def word_pieces() -> Any:
    """As BERT has it: lower case, punctuation apart, special tokens around."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator([default_text()], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(16)  # as sentence transformers save theirs
    tokenizer.enable_padding(length=16)
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


@cache
def unigram() -> Any:
    """As T5 has it: spaces are characters of the tokens."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator([default_text()], trainer)
    return tf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


def gpt2() -> tuple[Any, Any]:
    config = tf.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return tf.GPT2LMHeadModel(config), byte_level()


def llama() -> tuple[Any, Any]:
    return tf.LlamaForCausalLM(tf.LlamaConfig(vocab_size=VOCABULARY, **_SMALL)), byte_level()


def bert() -> tuple[Any, Any]:
    return tf.BertForMaskedLM(tf.BertConfig(vocab_size=VOCABULARY, **_SMALL)), word_pieces()


def bert_classifier() -> tuple[Any, Any]:
    config = tf.BertConfig(vocab_size=VOCABULARY, num_labels=3, **_SMALL)
    return tf.BertForSequenceClassification(config), word_pieces()


def t5() -> tuple[Any, Any]:
    config = tf.T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
    )
    return tf.T5ForConditionalGeneration(config), unigram()


def vit(channels: int = 3) -> tuple[Any, Any]:
    config = tf.ViTConfig(
        image_size=32, patch_size=8, num_channels=channels, num_labels=7, **_SMALL
    )
    processor = tf.ViTImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.4] * channels, image_std=[0.3] * channels
    )
    return tf.ViTForImageClassification(config), processor


def written(directory: Path, make: Callable[[], tuple[Any, Any]], **options: Any) -> Any:
    """Save a model of its own seed, and what prepares its inputs, into `directory`.

    Returns:
        The model, in evaluation mode.
    """
    torch.manual_seed(0)
    model, preparation = make()
    model.save_pretrained(directory, **options)
    preparation.save_pretrained(directory)
    return model.eval()
