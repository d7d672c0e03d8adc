"""torch's files ask for no more than they hold, and run nothing."""

from pathlib import Path

import pytest
import torch

from tests.attacks import torch_bombs
from tests.attacks.limits import within
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.layers.listing import take_inventory


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
@pytest.mark.parametrize("name", torch_bombs.PICKLES)
def test_a_pickle_that_asks_for_much_is_refused(tmp_path: Path, name: str, old: bool) -> None:
    value, message = torch_bombs.PICKLES[name]
    raw = torch_bombs.pickled(value)
    if old:
        raw = raw.replace(b"\x8a\x09\x04" + bytes(8) + b"tQ", b"\x8a\x09\x04" + bytes(8) + b"NtQ")
    content = torch_bombs.old(raw, []) if old else torch_bombs.zipped(raw, _0=bytes(16))
    (tmp_path / "w.pt").write_bytes(content)
    with within(5), pytest.raises(CheckpointError, match=message if not old else None) as caught:
        open_checkpoint(tmp_path / "w.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", torch_bombs.ARCHIVES)
def test_an_archive_that_torch_does_not_write_is_refused(tmp_path: Path, name: str) -> None:
    write, message = torch_bombs.ARCHIVES[name]
    write(tmp_path / "w.pt")
    with within(8), pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path / "w.pt")


def test_a_hand_made_file_without_an_attack_is_read(tmp_path: Path) -> None:
    good = torch_bombs.table(a__weight=torch_bombs._GOOD)
    path = tmp_path / "w.pt"
    path.write_bytes(torch_bombs.zipped(torch_bombs.pickled(good), _0=bytes(16)))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.info("a.weight").shape == (2, 2)


def test_a_tensor_that_claims_more_than_its_storage_is_no_weight(tmp_path: Path) -> None:
    torch_bombs.expanded(tmp_path / "w.pt")
    assert (tmp_path / "w.pt").stat().st_size < 2000
    with within(5), pytest.raises(CheckpointError, match="claim more than their storage"):
        open_checkpoint(tmp_path / "w.pt")


def test_the_books_count_what_a_storage_holds(tmp_path: Path) -> None:
    torch_bombs.expanded_experts(tmp_path / "w.pt")
    with within(20):
        with open_checkpoint(tmp_path / "w.pt") as checkpoint:
            books = take_inventory(checkpoint, {})
        assert analyze(tmp_path / "w.pt")["layer"].to_pylist() == ["fc"]
    assert books.total == 8 * 6 + 4 * 4
    [row] = books.left_out
    assert (row.tensor, row.elements, row.reason) == ("experts.down_proj", 16, "not-understood")


def test_views_of_one_storage_are_not_measured_without_end(tmp_path: Path) -> None:
    torch_bombs.many_views(tmp_path / "w.pt")
    with open_checkpoint(tmp_path / "w.pt") as checkpoint:
        assert 1 <= len(checkpoint.tensors) <= 4


def test_what_a_training_script_saves_is_read_as_before(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8))
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    extra = {
        "bytes": b"abc",
        "array": bytearray(b"abc"),
        "set": {1, "two", (3, 4)},
        "shape": torch.Size([2, 3]),
        "device": torch.device("cpu"),
        "type": torch.bfloat16,
        "number": 10**30,
        "complex": 1j,
        "sparse": torch.eye(4).to_sparse(),
        "quantised": torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8),
        "unsigned": torch.ones(2, dtype=torch.uint16),
        "meta": torch.ones(2, 2, device="meta"),
        (1, 2): "tuple",
        torch.float32: None,
        "parameter": torch.nn.Parameter(torch.ones(3, 3)),
        "view": torch.arange(16.0).view(4, 4).T,
        "none": torch.ones(0, 5),
    }
    parts = {"model": net.state_dict(), "optimizer": optimiser.state_dict(), "extra": extra}
    for old in (False, True):
        if old:  # the old format does not keep them
            del extra["meta"], extra["unsigned"]
        torch.save(parts, tmp_path / "w.ckpt", _use_new_zipfile_serialization=not old)
        with open_checkpoint(tmp_path / "w.ckpt") as checkpoint:
            assert torch.equal(checkpoint.read("0.weight"), net[0].weight)
