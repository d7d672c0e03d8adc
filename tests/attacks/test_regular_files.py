"""Of a model, regular files of its own folder are read: nothing that blocks, or is another's."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError, ZooError
from zoo_analysis.folders import open_regular
from zoo_analysis.sources import resolve_revision, resolve_sources
from zoo_analysis.weights import open_checkpoint

SECRET = "the-secret"


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def outside(path: Path) -> None:
    secret = path.parents[1] / "secret"
    secret.write_text(f"---\nlicense: {SECRET}\n---\n")
    path.symlink_to(secret)


def circular(path: Path) -> None:
    path.symlink_to(path.name)


ODD: list[Callable[[Path], None]] = [fifo, listening, endless, outside, circular]
#: Weights of formats that go behind safetensors, and so are tried without.
ALONE = ("net.gguf", "net.onnx", "net.h5", "net.keras", "flax_model.msgpack")
FILES = (
    "README.md",
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "adapter_config.json",
    *ALONE,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo" / "model"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "config.json").write_text("{}")
    return folder


def weights(folder: Path, name: str) -> None:
    state = {"fc.weight": torch.randn(20, 30)}
    if name.endswith(".bin"):
        torch.save(state, folder / name)
    else:
        save_file(state, folder / "model.safetensors")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_regular_file_of_the_model_is_not_read(
    name: str, odd: Callable[[Path], None], model: Path
) -> None:
    if name == "model.safetensors.index.json":
        index = {"weight_map": {"fc.weight": "a.safetensors"}}
        (model / name).write_text(json.dumps(index))
        save_file({"fc.weight": torch.randn(20, 30)}, model / "a.safetensors")
    elif name not in ALONE:
        weights(model, name)
    (model / name).unlink(missing_ok=True)
    odd(model / name)
    with within(10):
        found = resolve_sources([str(model)])
        assert SECRET not in repr(found)
        said, rows = "", []
        try:
            rows = analyze(model)["layer"].to_pylist()
        except ZooError as error:
            said = str(error)
        assert SECRET not in said
        assert "\n" not in said
        assert rows in ([], ["fc"])
        assert bool(rows) != bool(said)
        if name == "README.md":
            assert rows
        elif odd is outside or name in ("model.safetensors", "pytorch_model.bin", *ALONE):
            assert said
        for ref in found.refs:
            try:
                resolve_revision(ref)
            except ZooError:
                continue


def test_a_model_that_its_user_links_to_is_scanned(model: Path, tmp_path: Path) -> None:
    weights(model, "model.safetensors")
    (tmp_path / "linked").symlink_to(model)
    assert analyze(tmp_path / "linked")["layer"].to_pylist() == ["fc"]
    [ref] = resolve_sources([str(tmp_path / "linked")]).refs
    assert ref.license == "mit"
    (tmp_path / "one.safetensors").symlink_to(model / "model.safetensors")
    assert analyze(tmp_path / "one.safetensors")["layer"].to_pylist() == ["fc"]


def test_a_zoo_of_links_is_the_users_own(model: Path, tmp_path: Path) -> None:
    weights(model, "model.safetensors")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "linked").symlink_to(model)
    [ref] = resolve_sources([str(tmp_path / "links")]).refs
    assert ref.repo_id == "links/linked"
    assert not ref.remarks


@pytest.mark.parametrize("whole", ["model.safetensors", "model_index.json", "modules.json"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_models_own_folder_is_not_left_by_a_link_to_another(
    whole: str, deep: bool, tmp_path: Path
) -> None:
    """A model in hub layout, a pipeline, modules: with a part inside, and a link to one outside."""
    (outside := tmp_path / "outside").mkdir()
    weights(outside, "model.safetensors")
    (part := tmp_path / "zoo" / "net" / "part").mkdir(parents=True)
    weights(part, "model.safetensors")
    if whole.endswith(".json"):
        (part.parent / whole).write_text("{}")
    else:
        weights(part.parent, whole)
    (part.parent / "within").symlink_to("part")
    ((part if deep else part.parent) / "more").symlink_to(outside)
    found = resolve_sources([str(tmp_path / "zoo")])
    assert not found.problems
    assert str(outside) not in repr(found)
    assert {Path(ref.path).name for ref in found.refs} <= {"net", "part"}
    told = [text for ref in found.refs for text in ref.remarks if "not followed" in text]
    assert told == ["links out of the model's folder are not followed: more"]


def test_a_pipeline_of_nothing_but_links_out_of_it_is_a_problem(tmp_path: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    weights(outside, "model.safetensors")
    (net := tmp_path / "zoo" / "net").mkdir(parents=True)
    (net / "model_index.json").write_text("{}")
    (net / "unet").symlink_to(outside)
    found = resolve_sources([str(tmp_path / "zoo")])
    assert not found.refs
    (problem,) = found.problems
    assert problem.message.endswith("links out of the model's folder are not followed: unet")


def test_links_inside_of_a_model_are_followed(model: Path) -> None:
    (model / "kept").mkdir()
    save_file({"fc.weight": torch.randn(20, 30)}, model / "kept" / "w")
    (model / "model.safetensors").symlink_to("kept/w")
    assert analyze(model)["layer"].to_pylist() == ["fc"]


def test_a_hub_cache_links_its_snapshots_to_blobs_of_the_same_repository(tmp_path: Path) -> None:
    for repository in ("models--a--b", "models--c--d"):
        (tmp_path / repository / "blobs").mkdir(parents=True)
        (tmp_path / repository / "snapshots" / "1").mkdir(parents=True)
    save_file({"fc.weight": torch.randn(20, 30)}, tmp_path / "models--a--b" / "blobs" / "x")
    snapshot = tmp_path / "models--a--b" / "snapshots" / "1"
    (snapshot / "model.safetensors").symlink_to("../../blobs/x")
    assert analyze(snapshot)["layer"].to_pylist() == ["fc"]
    (tmp_path / "own").symlink_to(snapshot)
    assert analyze(tmp_path / "own")["layer"].to_pylist() == ["fc"]
    other = tmp_path / "models--c--d" / "snapshots" / "1"
    (other / "model.safetensors").symlink_to("../../../models--a--b/blobs/x")
    with pytest.raises(CheckpointError, match="out of the model's folder"):
        analyze(other)


def test_what_is_opened_counts_and_not_what_lay_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    real = os.open

    def swapped(path: str, *arguments: int) -> int:
        Path(path).unlink()
        os.mkfifo(path)
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", swapped)
    with within(5), pytest.raises(CheckpointError, match="no regular file"):
        open_regular(tmp_path / "file")


def test_torch_reads_the_file_that_was_checked(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.ones(40, 30)}, tmp_path / "w.pt")
    with open_checkpoint(tmp_path / "w.pt") as checkpoint:
        torch.save({"fc.weight": torch.zeros(40, 30)}, tmp_path / "other.pt")
        shutil.move(tmp_path / "other.pt", tmp_path / "w.pt")
        checkpoint._touched = [1 << 30]  # type: ignore[attr-defined]
        assert checkpoint.read("fc.weight").sum() == 1200
