"""Networks that are saved in several formats, and their spectra side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zoo_analysis import analyze

#: What a layer is told by, whatever it is called.
_WHAT = ("kind", "N", "M", "rf", "num_evals")
_METRICS = ("log_norm", "log_spectral_norm", "stable_rank")

Spectrum = tuple[tuple[Any, ...], tuple[float, ...]]


def spectra(model: Path | nn.Module | Mapping[str, torch.Tensor]) -> dict[str, Spectrum]:
    """Kind, sizes and metrics of each layer that has numbers, by its name."""
    rows = [row for row in analyze(model).to_pylist() if row["log_norm"] is not None]
    return {
        row["layer"]: (
            tuple(row[key] for key in _WHAT),
            tuple(row[key] for key in _METRICS),
        )
        for row in rows
    }


def assert_same_spectra(a: Mapping[str, Spectrum], b: Mapping[str, Spectrum]) -> None:
    """Both have the same layers with the same spectra, under whatever names and in any order."""
    one, other = sorted(a.values()), sorted(b.values())
    assert [what for what, _ in one] == [what for what, _ in other]
    for (_, metrics), (_, expected) in zip(one, other, strict=True):
        assert metrics == pytest.approx(expected, abs=1e-4)


class Vision(nn.Module):
    """Convolutions of all sorts."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3)
        self.norm = nn.BatchNorm2d(16)
        self.grouped = nn.Conv2d(16, 24, 3, groups=4, bias=False)
        self.depthwise = nn.Conv2d(24, 48, 3, groups=24)
        self.up = nn.ConvTranspose2d(48, 20, 2, groups=2)
        self.narrow = nn.Conv1d(20, 12, 3)
        self.deep = nn.Conv3d(1, 6, 2)
        self.head = nn.Linear(12, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(images)).relu()
        x = self.up(self.depthwise(self.grouped(x).relu()))
        x = self.narrow(x.flatten(2))
        x = x.mean(-1) + self.deep(images[:, None]).mean()
        out: torch.Tensor = self.head(x)
        return out


class Text(nn.Module):
    """An embedding, an attention block and recurrent layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 24)
        self.query = nn.Linear(24, 24)
        self.key = nn.Linear(24, 24, bias=False)
        self.value = nn.Linear(24, 24)
        self.out = nn.Linear(24, 24)
        self.lstm = nn.LSTM(24, 16, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(32, 12, batch_first=True)
        self.classifier = nn.Linear(12, 5)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        x = self.words(words)
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        x = self.out(scores.softmax(-1) @ self.value(x))
        x, _ = self.lstm(x)
        x, _ = self.gru(x)
        out: torch.Tensor = self.classifier(x[:, -1])
        return out
