"""A cache of activations that several processes share and that never grows beyond its limit."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from zoo_analysis.activations import Captured, LayerActivations, activation_cache, captured

ROOM = 1 << 30


def seen(seed: int = 0, d: int = 16, text: bool = False) -> Captured:
    rng = np.random.default_rng(seed)
    shape = (20, d) if text else (20, d, 4, 4)
    layers = tuple(
        LayerActivations(
            f"layer.{i}", i, rng.normal(size=shape).astype(np.float32), (7, 9)[: 2 * (not text)]
        )
        for i in range(3)
    )
    labels = None if text else np.arange(20)
    outputs = None if text else rng.normal(size=(20, 10)).astype(np.float32)
    inputs = rng.normal(size=(20, 8)).astype(np.float32)
    return Captured(layers, outputs, labels, inputs, f"probe-{seed}", 20)


def same(a: Captured, b: Captured) -> bool:
    for x, y in zip(a.layers, b.layers, strict=True):
        assert (x.name, x.depth, x.size) == (y.name, y.depth, y.size)
        assert_array_equal(x.values, y.values)
    assert_array_equal(a.inputs, b.inputs)
    for name in ("outputs", "labels"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None)
        if x is not None:
            assert_array_equal(x, y)
    assert (a.probe, a.n) == (b.probe, b.n)
    return True


def never() -> Captured:
    raise AssertionError("made again")


def entries(root: Path) -> list[Path]:
    return sorted(root.glob("*.activations"))


@pytest.mark.parametrize("text", [False, True])
def test_what_was_made_once_is_found_again(tmp_path: Path, text: bool) -> None:
    made, hit = captured(["model", 4], lambda: seen(text=text), tmp_path / "new", ROOM)
    assert not hit
    found, hit = captured(["model", 4], never, tmp_path / "new", ROOM)
    assert hit
    assert same(found, made)


@pytest.mark.parametrize("key", [["model", 8], ["other", 4], ["model", None], ["model", 4, "all"]])
def test_another_key_is_another_entry(tmp_path: Path, key: Sequence[object]) -> None:
    captured(["model", 4], seen, tmp_path, ROOM)
    found, hit = captured(key, lambda: seen(1), tmp_path, ROOM)
    assert not hit
    assert found.probe == "probe-1"


def test_other_code_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captured(["model"], seen, tmp_path, ROOM)
    monkeypatch.setattr(activation_cache, "_code", lambda: ["a later release"])
    assert not captured(["model"], seen, tmp_path, ROOM)[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[:100],
        lambda data: b"",
        lambda data: b"not a file of activations",
        lambda data: data[:200] + bytes(len(data) - 200),
    ],
    ids=["half", "one byte short", "100 bytes", "empty", "another file", "zeros after a crash"],
)
def test_an_entry_that_cannot_be_read_is_made_again(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    captured(["model"], seen, tmp_path, ROOM)
    (entry,) = entries(tmp_path)
    entry.write_bytes(spoil(entry.read_bytes()))
    found, hit = captured(["model"], seen, tmp_path, ROOM)
    assert not hit
    assert same(found, seen())
    assert captured(["model"], never, tmp_path, ROOM)[1]


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    captured(["one"], seen, tmp_path, ROOM)
    size = entries(tmp_path)[0].stat().st_size
    limit = int(3.5 * size)
    names = ["one", "two", "three", "one", "four"]  # one is used again before four comes
    for when, name in enumerate(names):
        captured([name], seen, tmp_path, limit)
        assert sum(entry.stat().st_size for entry in entries(tmp_path)) <= limit
        # A clock of its own: file systems tell times of use apart more coarsely than this test.
        path = max(entries(tmp_path), key=lambda entry: entry.stat().st_mtime_ns)
        os.utime(path, (when, when))
    held = {name for name in set(names) if captured([name], seen, tmp_path, ROOM)[1]}
    assert held == {"one", "three", "four"}


def test_what_is_mapped_outlives_its_entry(tmp_path: Path) -> None:
    captured(["model"], seen, tmp_path, ROOM)
    found, hit = captured(["model"], never, tmp_path, ROOM)
    assert hit
    for entry in entries(tmp_path):
        entry.unlink()
    assert same(found, seen())


def test_what_exceeds_the_limit_is_given_and_not_kept(tmp_path: Path) -> None:
    captured(["small"], lambda: seen(d=1), tmp_path, 40_000)
    found, hit = captured(["large"], lambda: seen(d=64), tmp_path, 40_000)
    assert not hit
    assert same(found, seen(d=64))
    assert captured(["small"], never, tmp_path, 40_000)[1]


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    captured(["one"], seen, tmp_path, ROOM)
    left = tmp_path / "abc.unfinished"
    left.write_bytes(bytes(1000))
    captured(["two"], seen, tmp_path, ROOM)
    assert not left.exists()


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found, hit = captured(["model"], seen, tmp_path / "file", ROOM)
    assert not hit
    assert same(found, seen())


def test_an_error_of_the_making_is_the_callers_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="made again"):
        captured(["model"], never, tmp_path, ROOM)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("error")
def test_labels_shared_read_only_are_kept_without_noise(tmp_path: Path) -> None:
    made = seen()
    assert made.labels is not None
    made.labels.flags.writeable = False
    captured(["model"], lambda: made, tmp_path, ROOM)
    assert captured(["model"], never, tmp_path, ROOM)[1]


def _use(root: Path, seed: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        model = int(rng.integers(6))
        found, _ = captured([model], lambda model=model: seen(model), root, limit)
        assert same(found, seen(model))
        sizes = []
        for path in entries(root):
            with suppress(FileNotFoundError):  # removed meanwhile
                sizes.append(path.stat().st_size)
        assert sum(sizes) <= limit


def test_processes_side_by_side_get_whole_entries_and_keep_the_limit(tmp_path: Path) -> None:
    captured([0], seen, tmp_path, ROOM)
    limit = 3 * entries(tmp_path)[0].stat().st_size + 30_000
    context = multiprocessing.get_context("fork")
    users = [context.Process(target=_use, args=(tmp_path, seed, limit)) for seed in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
    assert [user.exitcode for user in users] == [0] * 4
