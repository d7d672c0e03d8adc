"""Which files of a directory are a model's weights, and what a path is called."""

import re
from pathlib import Path

#: What the checkpoint readers can open; anything else is weights of a kind nobody here reads.
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".th", ".ckpt", ".pth.tar")

#: Files with a weight suffix that training and tokenizing leave beside the weights.
_NOT_WEIGHTS = re.compile(
    r"(optimizer|scheduler|scaler|rng_state.*|random_states.*|training_args|trainer_state"
    r"|tokenizer.*|openvino.*|vocab.*|dict|.*\.bpe)\.[^.]+"
)
#: The names by which repositories on the hub call their weights, best first, as the checkpoint
#: readers try them; an index stands for its shards.
_KNOWN = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "adapter_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.bin",
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.")


def weight_suffix(path: Path) -> str | None:
    """The weight suffix of a file name, or None when it is no checkpoint.

    Args:
        path: of the file; only its name is looked at.

    Returns:
        One of `WEIGHT_SUFFIXES`, the longest that fits.
    """
    name = path.name.lower()
    if _NOT_WEIGHTS.fullmatch(name):
        return None
    return max((s for s in WEIGHT_SUFFIXES if name.endswith(s)), key=len, default=None)


def weight_files(files: list[Path]) -> tuple[Path, ...]:
    """The weight files among a directory's files, sorted by name.

    Where a repository holds its weights twice these are the ones that would be read: the name
    the hub uses goes before others, safetensors before pickles.

    Args:
        files: of one directory.

    Returns:
        The files, possibly none.
    """
    weights = sorted(path for path in files if weight_suffix(path))
    by_name = {path.name: path for path in files}
    known = next((name for name in _KNOWN if name in by_name), None)
    if known and known.endswith(".index.json"):
        stem, suffix = known.removesuffix(".index.json").split(".")
        return tuple(
            path
            for path in weights
            if path.name.startswith(f"{stem}-") and path.name.endswith(f".{suffix}")
        )
    if known:
        return (by_name[known],)
    return tuple(path for path in weights if path.name.lower().endswith(".safetensors")) or tuple(
        weights
    )


def is_repository(files: list[Path], weights: tuple[Path, ...]) -> bool:
    """Whether a directory with weights is one model in hub layout, not a folder of checkpoints.

    Args:
        files: of the directory.
        weights: `weight_files` of them.

    Returns:
        True for a config.json, weights under one of the hub's names, shards of one checkpoint,
        or a README.md beside a single checkpoint.
    """
    if not weights:
        return False
    names = {path.name for path in files}
    return (
        "config.json" in names
        or not names.isdisjoint(_KNOWN)
        or all(_SHARD.search(path.name) for path in weights)
        or ("README.md" in names and len(weights) == 1)
    )
