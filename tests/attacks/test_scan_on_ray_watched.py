"""On a Ray of its own, too, a scan of attacks runs nothing, and speaks to nobody but that Ray."""

from pathlib import Path

import pytest

from tests.attacks.mixed_zoo import ATTACKS, good
from tests.attacks.watching import ASKING, watched_run

#: Those that want something run, read or asked.
REACHING = (
    "system", "checkpoint-path", "hub", "link-out", "hdf5-outside", "onnx-outside", "index-out",
    "part-outside", "device-card",
)  # fmt: skip
SCAN = """
import sys
from zoo_analysis import scan
from zoo_analysis.cluster.session import ray_session
with ray_session():
    done = scan([sys.argv[1]], sys.argv[2])
sys.exit(3 if done.scanned and done.failed else 1)
"""

Event = list[str]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """The folder of all that was written, and the events of a scan of the attacks in it."""
    root = tmp_path_factory.mktemp("watched")
    tree = root / "a" / "lab" / "tree"
    good(tree / "good", 1)
    for name in REACHING:
        (tree / name).mkdir()
        ATTACKS[name](tree / name)
    code, events = watched_run(root, ["-c", SCAN, str(tree), str(root / "store")])
    assert code == 3
    return root, events


def of_strangers(events: list[Event]) -> list[Event]:
    """The events of processes beside Ray's workers."""
    return [event for event in events if "processes.serving" in event[-1]]


def test_models_are_read_beside_rays_workers_and_never_in_them(
    watched: tuple[Path, list[Event]],
) -> None:
    root, events = watched
    tree = str(root / "a" / "lab" / "tree")
    readers = {event[-1] for event in events if event[0] == "open" and event[1].startswith(tree)}
    weights = {
        event[-1]
        for event in events
        if event[0] == "open" and event[1].startswith(tree) and "config.json" not in event[1]
    }
    assert readers
    assert any("processes.serving" in each for each in weights)
    assert not any("site-packages/ray" in each or "ray::" in each for each in readers)


def test_nothing_is_run_but_rays_programs_and_pythons(watched: tuple[Path, list[Event]]) -> None:
    started = {
        Path(event[1]).name
        for event in watched[1]
        if event[0].startswith(("subprocess.", "os.exec", "os.posix_spawn", "os.system"))
    }
    known = {"python", "python3", "gcs_server", "raylet", *ASKING}
    assert "raylet" in started
    assert {name.split(".")[0] for name in started} <= known


def test_no_process_that_reads_models_has_a_socket_or_unpickles_what_is_not_ours(
    watched: tuple[Path, list[Event]],
) -> None:
    events = of_strangers(watched[1])
    assert events
    assert not [event for event in events if event[0].startswith("socket.")]
    found = {event[1] for event in events if event[0] == "pickle.find_class"}
    assert {module.partition(".")[0] for module in found} == {"zoo_analysis"}
    started = {Path(event[1]).name for event in events if event[0] == "subprocess.Popen"}
    assert started <= ASKING


def test_ray_itself_asks_nobody_beyond_this_machine(watched: tuple[Path, list[Event]]) -> None:
    asked = [event for event in watched[1] if event[0] in ("socket.connect", "socket.getaddrinfo")]
    assert asked
    assert not [event for event in asked if "127.0.0.1" not in event[1] + event[2]]


def test_nothing_outside_of_the_models_is_opened(watched: tuple[Path, list[Event]]) -> None:
    root, events = watched
    opened = {event[1] for event in events if event[0] == "open"}
    assert {"secret", "own"} <= {path.name for path in (root / "a").iterdir()}
    for name in ("secret", "own"):
        assert not [file for file in opened if file.startswith(str(root / "a" / name))]
    assert not opened & {"/etc/passwd", "/dev/zero"}
