"""Small networks that can be run, as the hub would hold them."""

from pathlib import Path
from typing import Any

RESNET = {"layers": [1, 1, 1, 0], "channels": [8, 12, 16, 16], "stem_width": 8}
VIT = {
    "img_size": 8,
    "patch_size": 2,
    "embed_dim": 16,
    "depth": 2,
    "num_heads": 2,
    "class_token": False,
    "global_pool": "avg",
}


def write_timm(
    home: Path, architecture: str, args: dict[str, Any], seed: int, size: int = 16
) -> Path:
    """A timm model of grey images in ten classes with random weights; returns its directory."""
    import timm
    import torch
    from timm.models import save_for_hf

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = timm.create_model(architecture, num_classes=10, in_chans=1, **args)
    preprocessing = {
        "input_size": [1, size, size],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": [0.5],
        "std": [0.5],
    }
    save_for_hf(
        model,
        str(home),
        model_config={"pretrained_cfg": preprocessing},
        model_args={**args, "in_chans": 1},
        safe_serialization=True,
    )
    return home


def write_gpt2(home: Path, seed: int) -> Path:
    """A language model of bytes with random weights and its tokenizer; returns its directory."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(home)
    config = transformers.GPT2Config(vocab_size=len(letters), n_embd=16, n_layer=2, n_head=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformers.GPT2LMHeadModel(config).save_pretrained(home)
    return home
