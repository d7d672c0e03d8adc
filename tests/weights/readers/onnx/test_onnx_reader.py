"""ONNX models have the spectra of the networks they were exported from."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.exported_networks import Text, Vision, spectra
from zoo_analysis import analyze
from zoo_analysis.weights import open_checkpoint


def export(network: nn.Module, given: torch.Tensor, file: Path, **options: object) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (given,), str(file), dynamo=False, **options)
    return file


@pytest.fixture(params=["vision", "text"])
def network(request: pytest.FixtureRequest) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    if request.param == "vision":
        return Vision(), torch.randn(1, 3, 12, 12)
    return Text(), torch.randint(0, 40, (1, 7))


@pytest.mark.parametrize("folded", [True, False])
def test_an_export_has_the_spectra_of_its_network(tmp_path, network, folded):
    file = export(*network, tmp_path / "net.onnx", do_constant_folding=folded)
    assert sorted(spectra(file).values()) == sorted(spectra(network[0]).values())
