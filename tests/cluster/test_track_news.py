"""A look that scans ends with what is new in words, and tells it to whom the user names."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.reported_zoo import made, report
from tests.support.repositories import write
from tests.support.small_models import model_rows
from tests.support.stranger_server import stranger
from zoo_analysis.cluster import track as tracking
from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.track import Look, track
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.notice import SECRET
from zoo_analysis.sources import Resolved
from zoo_analysis.sources import watch as watching
from zoo_analysis.store import Store, open_store


@pytest.fixture
def watch(tmp_path: Path) -> Path:
    file = tmp_path / "watch.toml"
    file.write_text('[[watches]]\nname = "w"\nauthor = "me"\n')
    return file


@pytest.fixture
def hub(hub: Hub, hub_root: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Two releases; their numbers are those of the zoo in which α tells the accuracy."""
    for name in ("good", "odd"):
        hub.add(f"me/{name}", write(hub_root / name))
    monkeypatch.setattr(watching, "default_access", lambda: hub.access)
    monkeypatch.setattr(tracking, "scan_models", scanned)
    monkeypatch.setenv(SECRET, "s3cret")
    return hub


def scanned(new: Resolved, store: Store, *_: Any, **__: Any) -> Summary:
    """A scan in which α of me/good is 4.2, which says 69, and that of me/odd out of range."""
    alphas = {"me/good": (4.2, 4.2), "me/odd": (40.0, 40.0)}
    rows = [
        model_rows(ref.repo_id, str(ref.revision), alphas=alphas[ref.repo_id], parameters=10**7)
        for ref in new.refs
    ]
    store.commit_models(rows, "scan")
    report(store, {"me/good": 99.0})
    return Summary(store=store.uri, method="default", scanned=len(rows))


def test_what_is_new_is_told_in_words_and_handed_on(hub: Hub, watch: Path, tmp_path: Path) -> None:
    store = made(tmp_path / "store")
    given = tmp_path / "given.json"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    with stranger(lambda path: (200, {}, b"")) as server:
        done = zoo(
            *("track", watch, "--scan", "--store", store.uri, "--notify", f"{server.url}/hook"),
            *("--exec", f'{sys.executable} -c "{code}" {given}'),
        )
        assert done.code == 0, done.err
        (posted,) = server.bodies
    assert given.read_bytes() == posted
    last = done.out.splitlines()[-2:]
    (good,) = [line for line in last if line.startswith("new me/good: d: predicted 6")]
    assert good.endswith("reported 99.0: outside")
    (odd,) = [line for line in last if line.startswith("new me/odd: d: not predicted")]
    assert "its alpha 40 is outside" in odd
    told = {each["repo_id"]: each for each in json.loads(posted)["news"]}
    assert told.keys() == {"me/good", "me/odd"}
    assert told["me/good"]["event"] == "new"
    (row,) = told["me/good"]["predictions"]
    assert (row["reported"], row["verdict"], row["predictor"]) == (99.0, "outside", "alpha")
    assert 55 < row["low"] < row["predicted"] < row["high"] < 80
    # Only what nobody has reported is a forecast.
    assert store.run("SELECT repo_id FROM predictions")["repo_id"].to_pylist() == ["me/odd"]


def test_nothing_new_is_no_notice(hub: Hub, watch: Path, tmp_path: Path) -> None:
    store = made(tmp_path / "store")
    track(watch, store, scan="default")
    with stranger(lambda path: (200, {}, b"")) as server:
        assert not track(watch, store, scan="default", notify=server.url).releases
        assert not server.seen


def test_a_notice_that_nobody_takes_is_said_and_the_look_is_recorded(
    hub: Hub, watch: Path, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "store")
    with stranger(lambda path: (403, {}, b"")) as server:
        done = zoo("track", watch, "--store", store.uri, "--notify", server.url, "--exec", "false")
    assert done.code == 3
    assert f"failed: the news: {server.url} answers 403 to a notice" in done.err
    assert "failed: the news: 'false' ended with status 1" in done.err
    assert len(store.run("SELECT * FROM releases")) == 2


@pytest.mark.parametrize(
    "options", [{"notify": "ftp://x/"}, {"command": "echo 'open"}, {"command": " "}]
)
def test_what_cannot_be_told_is_refused_before_the_look(
    hub: Hub, watch: Path, tmp_path: Path, options: dict[str, str]
) -> None:
    with pytest.raises(ZooError):
        track(watch, tmp_path / "store", **options)  # type: ignore[arg-type]
    assert not hub.calls


def test_without_reports_it_is_said_why_nothing_is_predicted(
    hub: Hub, watch: Path, tmp_path: Path
) -> None:
    look: Look = track(watch, tmp_path / "store", scan="default")
    assert look.predictions == ()
    assert look.not_predicted is not None
    assert look.not_predicted.startswith("too few reports on d: a 90% interval needs")
