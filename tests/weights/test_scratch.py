"""Matrices that are too large to be converted in memory are the same on disk."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.support.gguf_files import coded, gaussian, write_gguf
from zoo_analysis import analyze
from zoo_analysis.weights import kernel
from zoo_analysis.weights.scratch import release_scratch, scratch


def test_what_was_written_comes_back_after_its_pages_went() -> None:
    room = scratch((700, 900))
    room.copy_(torch.arange(630_000).reshape(700, 900))
    release_scratch()
    assert torch.equal(room, torch.arange(630_000, dtype=torch.float32).reshape(700, 900))


def test_nothing_is_left_in_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    room = scratch((64, 64))
    assert list(tmp_path.iterdir()) == []
    del room


def test_without_room_on_the_disk_it_is_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    room = scratch((3, 4))
    room.fill_(1)
    release_scratch()
    assert room.sum() == 12


@pytest.mark.parametrize("kind", ["q8_0", "float16", "bfloat16"])
def test_a_matrix_converted_on_disk_has_the_numbers_of_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    w = gaussian(400, 256)
    if kind == "q8_0":
        file = write_gguf(tmp_path / "m.gguf", {"a.weight": coded(w, "Q8_0")})
    else:
        file = tmp_path / "m.safetensors"
        save_file({"a.weight": torch.from_numpy(w).to(getattr(torch, kind))}, file)
    in_memory = analyze(file).drop(["seconds"])
    monkeypatch.setattr(kernel, "LARGE", 1)
    monkeypatch.setattr(kernel, "_AT_ONCE", 10_000)
    taken = []
    monkeypatch.setattr(kernel, "scratch", lambda shape: taken.append(shape) or scratch(shape))
    assert analyze(file).drop(["seconds"]).equals(in_memory)
    assert taken == [np.shape(w)]
