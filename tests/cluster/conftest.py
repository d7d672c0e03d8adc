"""A Ray of two CPUs for all tests here, and small models to scan and to compare."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import torch
from compared_models import RESNET, VIT, write_timm
from safetensors.torch import save_file
from scanned_models import MakeModel


@pytest.fixture(scope="session")
def node_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where workers keep activations; nodes are to be started with it as XDG_CACHE_HOME."""
    return tmp_path_factory.mktemp("node") / "cache"


@pytest.fixture(scope="session")
def local_ray(node_cache: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(node_cache))
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def compared_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of four networks that can be run: three of one architecture, and another."""
    tree = tmp_path_factory.mktemp("compared") / "zoo"
    for i in range(3):
        write_timm(tree / f"resnet{i}", "resnet18", RESNET, i)
    write_timm(tree / "vit", "vit_tiny_patch16_224", VIT, 0, size=8)
    return tree


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
