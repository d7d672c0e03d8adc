"""Small models to scan and to compare."""

import zlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.compared_models import RESNET, VIT, write_timm
from tests.support.scanned_models import MakeModel


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
