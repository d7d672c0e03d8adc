"""A text beside weights, a catalogue or a table of any size is refused before it is taken in."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from zoo_analysis import analyze
from zoo_analysis.answers.remarks.off_scale import scale_collapse
from zoo_analysis.errors import CheckpointError, SourceError, ZooError
from zoo_analysis.imports.metric_tables import read_averages
from zoo_analysis.imports.weightwatcher import read_weightwatcher
from zoo_analysis.sources import resolve_sources
from zoo_analysis.sources.catalogues.format import load_catalogue
from zoo_analysis.sources.reported import any_csv, timm_csv
from zoo_analysis.sources.watch import load_watches

#: More than any of them may have, on a disk that keeps no zeros.
HUGE = 3 << 30


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(20):
        yield


def swollen(file: Path, start: bytes = b"") -> Path:
    file.write_bytes(start)
    with file.open("r+b") as opened:
        opened.truncate(HUGE)
    return file


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (folder := tmp_path / "zoo" / "net").mkdir(parents=True)
    save_file({"fc.weight": torch.randn(20, 30)}, folder / "model.safetensors")
    return folder


def test_a_card_of_any_size_costs_what_it_would_have_said(model: Path) -> None:
    swollen(model / "README.md", b"---\nlicense: mit\n---\n")
    (ref,) = resolve_sources([str(model)]).refs
    assert ref.license is None
    assert analyze(model)["layer"].to_pylist() == ["fc"]


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json"])
def test_a_configuration_of_any_size_is_refused(name: str, model: Path) -> None:
    swollen(model / name, b'{"model_type": "bert"}')
    assert len(resolve_sources([str(model)]).refs) == 1
    with pytest.raises(CheckpointError, match=rf"{name}: has more than the 16 MiB"):
        analyze(model)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_an_index_of_any_size_is_refused(name: str, tmp_path: Path) -> None:
    index = json.dumps({"weight_map": {"a": f"a{Path(name).suffix}"}}).encode()
    swollen(tmp_path / f"{name}.index.json", index)
    (tmp_path / f"a{Path(name).suffix}").touch()
    with pytest.raises(CheckpointError, match=r"index.json: has more than the 64 MiB"):
        analyze(tmp_path)


@pytest.mark.parametrize("read", [load_catalogue, load_watches])
def test_a_catalogue_of_any_size_is_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="more than the 16 MiB"):
        read(swollen(tmp_path / "c.toml", b'title = "t"\n'))


TABLES: dict[str, Callable[[Path], object]] = {
    "any": lambda file: any_csv(str(file), {}, {}),
    "timm": lambda file: timm_csv(str(file.rename(file.with_name("results-imagenet.csv")))),
    "averages": lambda file: read_averages(file, "m", dataset="d"),
    "weightwatcher": lambda file: read_weightwatcher(file, "m"),
}


@pytest.mark.parametrize("read", TABLES.values(), ids=TABLES)
def test_a_table_of_any_size_is_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="larger than 64 MiB; split the table"):
        read(swollen(tmp_path / "t.csv", b"repo_id,dataset,metric,value\n"))


def test_a_small_file_that_unfolds_to_a_billion_cells_is_refused(tmp_path: Path) -> None:
    """Runs of one value cost Parquet nothing."""
    batch = pa.table({"model": pa.DictionaryArray.from_arrays(np.zeros(10**6, np.int8), ["a"])})
    with pq.ParquetWriter(tmp_path / "t.parquet", batch.schema) as writer:
        for _ in range(21):
            writer.write_table(batch)
    assert (tmp_path / "t.parquet").stat().st_size < 10**5
    with pytest.raises(ZooError, match="21,000,000 cells, more than"):
        read_averages(tmp_path / "t.parquet", "m", dataset="d")
    table = pa.table({"model": ["a" * (1 << 26)], "alpha": [1.0]})
    pq.write_table(table, tmp_path / "z.parquet", compression="zstd", use_dictionary=False)
    assert (tmp_path / "z.parquet").stat().st_size < 10**5
    with pytest.raises(ZooError, match="unfolds to"):
        read_averages(tmp_path / "z.parquet", "m", dataset="d")


@pytest.mark.parametrize(("name", "folders"), [("a", 1500), ("b" * 255, 30)])
def test_folders_within_each_other_without_end_cost_themselves(
    name: str, folders: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"fc.weight": torch.ones(8, 9)}, tmp_path / "net.safetensors")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for _ in range(folders):
        os.mkdir(name)
        os.chdir(name)
    try:
        found = resolve_sources([str(tmp_path)])
    finally:  # Python's own way to remove it is as deep
        subprocess.run(["rm", "-rf", tmp_path / "deep"], check=True)
    assert [Path(ref.path).name for ref in found.refs] == ["net.safetensors"]
    assert [problem.error for problem in found.problems] == [
        "TooDeep" if name == "a" else "OSError"
    ]


def test_thousands_of_layers_are_compared_in_the_memory_of_their_number() -> None:
    layers = pd.DataFrame({"layer": [f"{i}" for i in range(30_000)], "kind": "linear"})
    layers["shape"] = [[2, 2]] * len(layers)
    layers["log_spectral_norm"] = np.random.default_rng(0).normal(size=len(layers)) / 10
    layers.loc[7, "log_spectral_norm"] = 5.0
    with within(10, more=300 << 20):
        found = scale_collapse(layers)
    assert found.layers == ("7",)
