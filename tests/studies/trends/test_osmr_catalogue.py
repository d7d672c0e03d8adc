"""The catalogue of the 2021 paper's models whose weights are at hand."""

import csv
from pathlib import Path

import pytest
import torch

from tests.support.reference import NATURE_2021
from zoo_analysis import osmr_catalogue, query, scan
from zoo_analysis.errors import SourceError

FILES = ("vgg11-1036-d9a5a3b4.pth", "vgg13.pth", "resnet20_cifar10-0597-9b0024ac.pth", "mine.pth")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    if not NATURE_2021.exists():
        pytest.skip("no reference beside the checkout")
    for seed, name in enumerate(FILES):
        generator = torch.Generator().manual_seed(seed)
        torch.save({"fc.weight": torch.randn(40, 30, generator=generator)}, tmp_path / name)
    return tmp_path


def test_a_scan_of_it_has_the_papers_errors_and_families(weights: Path) -> None:
    found = osmr_catalogue(weights, NATURE_2021)
    with (NATURE_2021 / "osmr.csv").open() as file:
        reported = {row["model"]: row for row in csv.DictReader(file)}
    scan(str(found.catalogue.path), weights / "store")
    rows = query(weights / "store", "SELECT * FROM accuracies").to_pylist()
    assert {row["repo_id"]: row["value"] for row in rows} == {
        f"osmr/{name}": pytest.approx(100 - float(reported[name]["top1_error"]))
        for name in ("vgg11", "vgg13", "resnet20_cifar10")
    }
    models = query(weights / "store", "SELECT repo_id, series FROM models").to_pylist()
    assert {m["repo_id"]: m["series"] for m in models}["osmr/vgg11"] == reported["vgg11"]["family"]
    told = sum(bool(row["top1_error"]) for row in reported.values())
    assert len(found.missing) == told - 3


def test_a_folder_without_any_of_them_says_what_is_looked_for(weights: Path) -> None:
    empty = weights / "empty"
    empty.mkdir()
    with pytest.raises(SourceError, match=r"none of the paper's 296 models.*\.torch/models"):
        osmr_catalogue(empty, NATURE_2021)
