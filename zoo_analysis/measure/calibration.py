"""Rates of this machine, measured."""

import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import save_file
from threadpoolctl import threadpool_limits

from zoo_analysis.measure.cost import laws, work, work_of
from zoo_analysis.measure.rates import TYPICAL, Rates
from zoo_analysis.measure.rows import measure
from zoo_analysis.sources import ModelRef, resolve_revision
from zoo_analysis.spectra import (
    Method,
    Shape,
    analyze_kernel,
    eigenvalues_batched,
    spectrum_metrics,
)
from zoo_analysis.weights import open_checkpoint, read_config
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

#: Sides of the matrices that are decomposed; what is larger goes as the cube.
SIDES: Final = (2, 8, 32, 64, 128, 256, 512, 1024, 2048)
#: Weights in a batch of small matrices, so that it takes more than the clock's grain.
_BATCH: Final = 1 << 16
#: Rows of those for each column; the least share of a time that is left after a part is taken off.
_TALL, _LEAST = 4, 0.05
#: Blocks of the two networks that are opened, each of four matrices of this side.
_DEPTHS, _WIDTH = (2, 24), 24
#: Side of the matrix that is decomposed by one thread and by all, in turn.
_LARGE: Final = 1536


def measured_rates(how: Method, device: str = "cpu", threads: int = 1) -> Rates:
    """Rates of this machine by a method, from some twenty seconds of work.

    Args:
        how: the method.
        device: where to compute.
        threads: of the machine, which show what of the work on a large matrix they shorten.
    """
    generator = torch.Generator().manual_seed(0)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        gram, eigen = _algebra(how, device, generator)
        fit, evaluation = _fits(how)
        known = replace(
            TYPICAL,
            **dict.fromkeys(("element", "strided", "layer", "model", "listed", "hashed"), 0.0),
            gram=gram,
            eigen=eigen,
            fit=fit,
            evaluation=evaluation,
        )
        known = replace(
            known,
            element=_element((64, 16384), how, device, known, generator),
            strided=_element((256, 256, 3, 3), how, device, known, generator),
        )
        known = replace(known, layer=_layer(how, device, known, generator))
        model, listed, hashed = _opening(how)
        known = replace(known, model=model, listed=listed, hashed=hashed)
    return replace(known, serial=_serial(how, device, threads, generator))


def _seconds(function: Callable[[], Any]) -> float:
    """The least of three times: what disturbs only ever adds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _algebra(
    how: Method, device: str, generator: torch.Generator
) -> tuple[dict[int, float], dict[int, float]]:
    """Seconds of a multiply-add and of an eigenproblem, by side."""
    dtype = torch.float64 if how.dtype == "float64" else torch.float32
    gram, eigen = {}, {}
    for m in SIDES:
        batch = max(1, _BATCH // m**2)
        w = torch.randn(batch, _TALL * m, m, generator=generator)
        square = (w.mT @ w).to(device, dtype)
        both = _seconds(partial(eigenvalues_batched, w, dtype, device)) / batch
        alone = _seconds(partial(_eigenvalues, square)) / batch
        eigen[m] = alone
        gram[m] = max(both - alone, _LEAST * both) / (_TALL * m**3)
    return gram, eigen


def _eigenvalues(square: torch.Tensor) -> torch.Tensor:
    values: torch.Tensor = torch.linalg.eigvalsh(square)
    return values.cpu()  # waits for the device


def _fits(how: Method) -> tuple[float, float]:
    """Seconds of a spectrum, and of each eigenvalue of it."""
    generator, took, sizes = np.random.default_rng(0), [], (64, 4096)
    for size in sizes:
        evals = np.sort(generator.pareto(2.0, size) + 1)
        shape = Shape(4 * size, size, 1, 1)
        shuffled = evals[::-1] if how.randomize else None
        took.append(_seconds(partial(spectrum_metrics, evals, shape, how, shuffled)))
    evaluation = max((took[1] - took[0]) / (sizes[1] - sizes[0]), 0.0)
    return max(took[0] - sizes[0] * evaluation, 0.0) / laws(how), evaluation


def _element(
    shape: tuple[int, ...], how: Method, device: str, known: Rates, generator: torch.Generator
) -> float:
    """Seconds of a weight of a kernel, which is gone through several times."""
    kernel = torch.randn(1, *shape, generator=generator)
    took = _seconds(lambda: analyze_kernel(kernel, how, device))
    expected = known.of_layer(work((1, shape[0], shape[1]), shape[2:], how))
    return max((took - expected) / kernel.numel(), 0.0)


def _layer(how: Method, device: str, known: Rates, generator: torch.Generator) -> float:
    """Seconds of a layer that has hardly any weights."""
    state = {f"{i}.weight": torch.randn(12, 12, generator=generator) for i in range(32)}
    checkpoint = MemoryCheckpoint(state)
    specs = take_inventory(checkpoint, {}).layers
    took = _seconds(lambda: measure(checkpoint, specs, how, device))
    return max(took / len(specs) - known.of_layer(work_of(specs[0], how)), 0.0)


def _opening(how: Method) -> tuple[float, float, float]:
    """Seconds of opening a model, of each layer that it lists, and of each byte that is hashed."""
    opened: list[float] = []
    layers: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for depth in _DEPTHS:
            home = Path(folder) / str(depth)
            home.mkdir()
            write_transformer(home, depth)
            count = 0

            def inventory(home: Path = home) -> None:
                nonlocal count
                with open_checkpoint(home) as checkpoint:
                    config = read_config(checkpoint)
                    count = len(take_inventory(checkpoint, config, None, how.split_qkv).layers)

            inventory()  # imports the library
            opened.append(_seconds(inventory))
            layers.append(count)
        large = Path(folder) / "large.safetensors"
        save_file({"weight": torch.ones(1 << 23)}, large)
        ref = ModelRef("me/large", None, str(large), "local", large.stat().st_size)
        hashed = _seconds(lambda: resolve_revision(ref)) / ref.nbytes
    listed = max((opened[1] - opened[0]) / (layers[1] - layers[0]), 0.0)
    return max(opened[0] - layers[0] * listed, _LEAST * opened[0]), listed, hashed


def write_transformer(home: Path, depth: int) -> None:
    """A vision transformer as timm saves one, in a folder.

    Args:
        home: the folder.
        depth: its blocks.
    """
    import timm

    arguments = {"embed_dim": _WIDTH, "num_heads": 3, "depth": depth}
    name = "vit_tiny_patch16_224"
    state = timm.create_model(name, pretrained=False, **arguments).state_dict()
    save_file({key: value.contiguous() for key, value in state.items()}, home / "model.safetensors")
    config = {"architecture": name, "model_args": arguments}
    (home / "config.json").write_text(json.dumps(config))


def _serial(how: Method, device: str, threads: int, generator: torch.Generator) -> float:
    """The share of a large layer's time that `threads` do not shorten (Amdahl's law)."""
    if threads < 2 or device != "cpu":
        return 1.0 if device != "cpu" else TYPICAL.serial
    kernel = torch.randn(1, 4 * _LARGE, _LARGE, generator=generator)
    took = {1: math.inf, threads: math.inf}
    for _ in range(3):
        for count in took:
            torch.set_num_threads(count)
            with threadpool_limits(count):
                start = time.perf_counter()
                analyze_kernel(kernel, how, device)
            took[count] = min(took[count], time.perf_counter() - start)
    torch.set_num_threads(1)
    ratio = took[threads] / took[1]
    return float(np.clip((ratio - 1 / threads) / (1 - 1 / threads), 0.0, 1.0))
