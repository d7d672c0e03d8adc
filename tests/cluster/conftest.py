"""A Ray of two CPUs for all tests here, and small models to scan."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import torch
from safetensors.torch import save_file
from scanned_models import MakeModel


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a model directory of Gaussian matrices; the same name gives the same weights."""

    def make(name: str, sides: tuple[tuple[int, int], ...] = ((40, 20), (30, 40))) -> Path:
        folder = tmp_path / "zoo" / name
        folder.mkdir(parents=True)
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        tensors = {
            f"layers.{i}.weight": torch.randn(rows, cols, generator=generator)
            for i, (rows, cols) in enumerate(sides)
        }
        save_file(tensors, folder / "model.safetensors")
        return folder

    return make
