"""Training of one model of the digits zoo, which is left as the hub would hold it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_analysis.digits.specs import DigitsSpec

if TYPE_CHECKING:
    import torch

    from zoo_analysis.digits.data import Split

_BATCH: Final = 50


def train(spec: DigitsSpec, root: Path) -> Path:
    """The folder of a model of the digits zoo, which is trained unless it is there already.

    One thread and the seed of the specification: on one machine the same specification gives
    the same bits. The model appears under its name complete or not at all.

    Args:
        spec: what to train.
        root: directory of the zoo; made if need be.

    Returns:
        The model's directory: timm's config.json, model.safetensors, and a README.md whose
        model-index carries the accuracy on the held-out images.
    """
    from zoo_analysis.digits.data import load_split
    from zoo_analysis.digits.model_card import write_card  # these bring torch

    target = root / spec.name
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{spec.name}-", dir=root) as folder, one_thread():
        unfinished = Path(folder) / spec.name
        unfinished.mkdir()
        train_split, test_split = load_split(spec.image_size)
        model = fit(spec, train_split)
        _save(model, spec, unfinished)
        write_card(spec, accuracy(model, test_split), unfinished)
        if not target.is_dir():
            unfinished.rename(target)
    return target


def fit(spec: DigitsSpec, split: "Split") -> "torch.nn.Module":
    """A model trained from scratch: AdamW on cross-entropy, one-cycle learning rate.

    Args:
        spec: what to train.
        split: images it may see.

    Returns:
        The trained model, in evaluation mode.
    """
    import timm
    import torch
    from torch.nn.functional import cross_entropy

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        model: torch.nn.Module = timm.create_model(
            spec.architecture, num_classes=10, in_chans=1, **spec.model_args
        ).train()
        n = len(split.labels)
        noisy = torch.rand(n) < spec.label_noise
        labels = torch.where(noisy, torch.randint(0, 10, (n,)), split.labels)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=spec.lr, weight_decay=spec.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, spec.lr, epochs=spec.epochs, steps_per_epoch=-(-n // _BATCH)
        )
        for _ in range(spec.epochs):
            for batch in torch.split(torch.randperm(n), _BATCH):
                loss = cross_entropy(model(split.images[batch]), labels[batch])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
    return model.eval()


def accuracy(model: "torch.nn.Module", split: "Split") -> float:
    """The share of images a model classifies rightly.

    Args:
        model: in evaluation mode.
        split: images and their digits.

    Returns:
        A fraction.
    """
    import torch

    with torch.inference_mode():
        return float((model(split.images).argmax(1) == split.labels).double().mean())


def _save(model: "torch.nn.Module", spec: DigitsSpec, directory: Path) -> None:
    from timm.models import save_for_hf

    preprocessing = {
        "input_size": [1, spec.image_size, spec.image_size],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": [0.5],
        "std": [0.5],
    }
    save_for_hf(
        model,
        str(directory),
        model_config={
            "pretrained_cfg": preprocessing,
            "label_names": [str(digit) for digit in range(10)],
        },
        model_args={**spec.model_args, "in_chans": 1},
        safe_serialization=True,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, so that results do not depend on how many cores there are."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
