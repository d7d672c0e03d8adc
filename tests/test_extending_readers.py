"""The example of docs/extending.md: a format of checkpoints that another package reads."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.plugins import example, install
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources import resolve_sources
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.readers.files import weights_name

POINT = '[project.entry-points."zoo_analysis.readers"]\n'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo" / "net"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays = {f"layers.{i}.weight": rng.normal(size=(40, 30)) for i in range(2)}
    np.savez(folder / "model.npz", **arrays)
    (folder / "config.json").write_text("{}")
    return folder


def test_an_added_format_is_found_opened_and_measured(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"no weights; known are files ending in .*\.onnx$"):
        open_checkpoint(model)
    assert resolve_sources([str(model.parent)]).refs == ()
    install("npz_zoo", *example("A checkpoint reader"), monkeypatch, tmp_path / "site")
    (ref,) = resolve_sources([str(model.parent)]).refs
    assert ref.path == str(model)
    assert ref.nbytes == (model / "model.npz").stat().st_size
    assert weights_name(["config.json", "model.npz"], "me/net") == "model.npz"
    with open_checkpoint(model) as checkpoint:
        assert checkpoint.format == "npz"
        assert checkpoint.read_rows("layers.1.weight", 3, 5).shape == (2, 30)
    for path in (model, model / "model.npz"):
        rows = analyze(path)
        assert rows["layer"].to_pylist() == ["layers.0", "layers.1"]
        assert rows["status"].to_pylist() == ["success"] * 2
    with pytest.raises(CheckpointError, match=r"not a weight file; known are .*\.npz"):
        open_checkpoint(model / "config.json")


def test_formats_of_this_package_go_before_added_ones(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("npz_zoo", *example("A checkpoint reader"), monkeypatch, tmp_path / "site")
    assert weights_name(["net.pt", "net.npz"], "me/net") == "net.pt"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "import no_such_library",
            r"reader of \.npz files \(broken:READER\) does not load: No mod",
        ),
        ("READER = 3", r"the reader of \.npz files .* is of type int; it needs to be a Reader"),
    ],
)
def test_a_broken_reader_harms_only_its_own_format(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, says: str
) -> None:
    points = f'{POINT}npz = "broken:READER"\npt = "broken:READER"\n'
    install("broken", code, points, monkeypatch, tmp_path / "site")
    (ref,) = resolve_sources([str(model)]).refs
    with pytest.raises(CheckpointError, match=says):
        open_checkpoint(ref.path)
    torch.save({"a.weight": torch.ones(2, 2)}, model / "net.pt")
    assert open_checkpoint(model / "net.pt").format == "torch"
