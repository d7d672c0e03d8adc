"""Randomly initialised twins: networks of a model's architecture that nobody has trained."""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from zoo_analysis.folders import user_cache
from zoo_analysis.sources.card import SERIES_TAG
from zoo_analysis.sources.ref import ModelRef

#: Changed whenever twins are made otherwise, so that those of older code are not reused.
_RECIPE: Final = 1
_SEED: Final = 0
#: More tensors than any architecture of the packaged models has.
_TENSORS: Final = 10_000


def twins_dir() -> Path:
    """The folder of twins in the user's cache; its models are called ``random/NAME``."""
    return user_cache() / f"twins-{_RECIPE}" / "random"


def make_twin(ref: ModelRef, root: Path) -> Path:
    """The folder of a model's twin, which is made unless it is there already.

    timm or transformers build the architecture that the model's configuration or catalogue names,
    and initialise it as they do before training; the seed is fixed. The twin is in the model's
    series and has no accuracy. It appears under its name complete or not at all.

    Args:
        ref: a model on disk whose architecture is known.
        root: directory of the twins; made if need be.

    Returns:
        The twin's directory: config.json, model.safetensors and a README.md that names the series.

    Raises:
        ValueError: no architecture is named.
    """
    import torch
    from safetensors.torch import save_model

    from zoo_analysis.weights.layers.building import build  # these bring torch

    target = twin_of(ref, root)
    if target.is_dir():
        return target
    library, _, name = (ref.architecture or "").partition(":")
    config = {"architecture": name} if library == "timm" else _config(ref)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = build(config, None, _TENSORS)
    if model is None:
        raise ValueError(f"{ref.repo_id} names no architecture")
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=root) as folder:
        unfinished = Path(folder) / target.name
        unfinished.mkdir()
        save_model(model, str(unfinished / "model.safetensors"))
        (unfinished / "config.json").write_text(json.dumps(config))
        (unfinished / "README.md").write_text(_card(ref))
        if not target.is_dir():
            unfinished.rename(target)
    return target


def twin_of(ref: ModelRef, root: Path) -> Path:
    """The folder in which a model's twin is, or will be."""
    return root / ref.repo_id.rpartition("/")[2]


def _config(ref: ModelRef) -> dict[str, Any]:
    path = Path(ref.path) / "config.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _card(ref: ModelRef) -> str:
    tags = f"---\ntags: [{SERIES_TAG}{ref.series}]\n---\n" if ref.series else ""
    return f"{tags}Randomly initialised, in the architecture of {ref.repo_id}.\n"
