"""A watch tells what is new since the last look, and nothing twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.report.conftest import commit
from tests.report.page.reading import Page
from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.repositories import write
from zoo_analysis import open_store
from zoo_analysis.answers.releases import releases
from zoo_analysis.cluster.track import track
from zoo_analysis.errors import SourceError
from zoo_analysis.hub import api
from zoo_analysis.hub.description import HubModel
from zoo_analysis.sources import watch as watching
from zoo_analysis.sources.watch import load_watches, parse_since
from zoo_analysis.spectra import Method
from zoo_analysis.store import Store

START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def watch(tmp_path: Path) -> Path:
    file = tmp_path / "watch.toml"
    file.write_text('[[watches]]\nname = "w"\nauthor = "me"\nfilter = ["nets"]\n')
    return file


def serve(hub: Hub, hub_root: Path, count: int, days: int = 0) -> None:
    home = write(hub_root / f"n{days}")
    for i in range(count):
        when = START + timedelta(days=days, minutes=i)
        hub.add(f"me/n{days}-{i}", home, created=when, modified=when)


def seen(hub: Hub, watch: Path, store: Store, **options: object) -> list[tuple[str, str]]:
    found, *_ = track(watch, store, access=hub.access, **options)  # type: ignore[arg-type]
    return [(release.event, release.repo_id) for release in found]


def recorded(store: Store) -> list[tuple[str, str]]:
    sql = "SELECT event, repo_id FROM releases ORDER BY repo_id, event"
    return [(row["event"], row["repo_id"]) for row in store.run(sql).to_pylist()]


def test_a_look_with_nothing_new_costs_one_page(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    serve(hub, hub_root, 250)
    assert len(seen(hub, watch, store)) == 250
    assert hub.api_calls == 3
    hub.forget()
    assert seen(hub, watch, store) == []
    assert hub.api_calls == sum(hub.calls.values()) == 1
    serve(hub, hub_root, 2, days=3)
    hub.repos["me/n0-7"].push(write(hub_root / "other"), START + timedelta(days=4))
    hub.forget()
    assert seen(hub, watch, store) == [
        ("revision", "me/n0-7"),
        ("new", "me/n3-1"),
        ("new", "me/n3-0"),
    ]
    assert hub.api_calls == 1
    assert len(recorded(store)) == 253


def test_two_looks_at_once_record_nothing_twice(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    serve(hub, hub_root, 5)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: track(watch, store, access=hub.access), range(2)))
    assert len(recorded(store)) == 5


def test_gone_gated_and_renamed(hub: Hub, hub_root: Path, tmp_path: Path, store: Store) -> None:
    file = tmp_path / "watch.toml"
    file.write_text('[[watches]]\nname = "w"\nrepositories = ["me/a", "me/b", "me/c"]\n')
    for name in "abc":
        hub.add(f"me/{name}", write(hub_root / name))
    assert seen(hub, file, store) == [("new", "me/a"), ("new", "me/b"), ("new", "me/c")]
    del hub.repos["me/a"]
    hub.repos["me/b"].gated = "auto"
    hub.rename("me/c", "you/c")
    news = [("gone", "me/a"), ("gated", "me/b"), ("renamed", "me/c"), ("new", "you/c")]
    assert seen(hub, file, store) == news
    assert seen(hub, file, store) == []


def test_what_vanished_from_a_query_shows_in_a_complete_look(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    serve(hub, hub_root, 4)
    seen(hub, watch, store)
    del hub.repos["me/n0-2"]
    hub.repos["me/n0-1"].gated = "manual"
    assert seen(hub, watch, store) == []
    assert seen(hub, watch, store, complete=True) == [("gated", "me/n0-1"), ("gone", "me/n0-2")]
    assert seen(hub, watch, store, complete=True) == []


def test_since_leaves_out_what_is_older(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    serve(hub, hub_root, 3)
    serve(hub, hub_root, 2, days=10)
    assert len(seen(hub, watch, store, since=START + timedelta(days=5))) == 2
    assert parse_since("2025-01-31") == datetime(2025, 1, 31, tzinfo=UTC)
    assert timedelta(days=6.9) < datetime.now(UTC) - parse_since("7d") < timedelta(days=7.1)


def test_what_cannot_be_looked_at_is_a_problem_and_the_look_goes_on(
    hub: Hub, hub_root: Path, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hub, hub_root, 3)
    (bare := hub_root / "bare").mkdir()
    (bare / "config.json").write_text("{}")
    hub.add("me/bare", bare, created=START, modified=START)
    described = api.hub_model

    def odd(entry: Any) -> HubModel:
        return described(entry | {"likes": "many"} if entry["id"] == "me/n0-1" else entry)

    monkeypatch.setattr(api, "hub_model", odd)
    file = tmp_path / "watch.toml"
    file.write_text('[[watches]]\nname = "w"\nauthor = "me"\nrepositories = ["me/none"]\n')
    look = track(file, store, access=hub.access)
    assert {release.repo_id for release in look.releases} == {"me/n0-0", "me/n0-2", "me/bare"}
    told = {problem.repo_id: problem.message for problem in look.problems}
    assert told.keys() == {"me/n0-1", "me/none", "me/bare"}
    assert "malformed" in told["me/n0-1"]
    assert "no such repository" in told["me/none"]
    assert "no weights" in told["me/bare"]
    monkeypatch.setattr(watching, "default_access", lambda: hub.access)
    answer = zoo("track", file, "--store", tmp_path / "other", "--format", "json")
    assert answer.code == 3
    assert sorted(answer.err.splitlines()) == sorted(
        f"failed: {repo_id}: {message}" for repo_id, message in told.items()
    )


def test_a_look_ends_with_the_report_once_there_are_models(
    hub: Hub, hub_root: Path, watch: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hub, hub_root, 2)
    pages = Path(store.uri).with_name("report")
    monkeypatch.setattr(watching, "default_access", lambda: hub.access)
    look = ("track", watch, "--store", store.uri, "--report", pages, "--json")
    first = zoo(*look)
    assert first.code == 0
    assert first.err.startswith("no report: the store has no models: run `zoo scan`")
    commit(store, "me/net", "nets", 0)
    again = zoo(*look)
    assert json.loads(again.out) == []
    assert again.err.splitlines()[-1] == str(pages / "index.html")
    page = Page(pages / "releases.html").text("bdi")
    assert all(f"me/n0-{number}" in page for number in range(2))


@pytest.mark.usefixtures("local_ray")
def test_releases_that_look_random_are_flagged(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    torch.manual_seed(0)
    noise = {f"l{i}.weight": torch.randn(40, 30) for i in range(5)}
    decaying = {name: w * torch.logspace(0, 1.5, 30) for name, w in noise.items()}
    for name, tensors in (("random", noise), ("structured", decaying)):
        (home := hub_root / name).mkdir()
        save_file(tensors, home / "model.safetensors")
        hub.add(f"me/{name}", home, created=START, modified=START, tags=["nets"])
    unscanned = track(watch, open_store(f"{store.uri}-other"), access=hub.access)
    assert unscanned.table()["looks_random"].to_pylist() == [None, None]
    table = track(watch, store, scan=Method(), access=hub.access).table()
    told = dict(zip(table["repo_id"].to_pylist(), table["looks_random"].to_pylist(), strict=True))
    assert told == {"me/random": True, "me/structured": False}
    seen_now = releases(store).to_pylist()
    assert {row["repo_id"]: row["looks_random"] for row in seen_now} == told


@pytest.mark.usefixtures("local_ray")
def test_exactly_the_new_revisions_are_scanned(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    serve(hub, hub_root, 2)
    _, summary, *_ = track(watch, store, scan=Method(), access=hub.access)
    assert summary is not None
    assert (summary.scanned, summary.skipped) == (2, 0)
    hub.repos["me/n0-1"].push(write(hub_root / "other", ((50, 30),)), START + timedelta(days=1))
    found, summary, *_ = track(watch, store, scan=Method(), access=hub.access)
    assert summary is not None
    assert (len(found), summary.scanned, summary.skipped) == (1, 1, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no [[watches]]"),
        ('[[watches]]\nname = "w"', "nothing to watch"),
        ('[[watches]]\nauthor = "a"', "`name` is None"),
        ('[[watches]]\nname = "w"\nautor = "a"', "did you mean `author`"),
        ('[[watches]]\nname = "w"\nauthor = "a"\n' * 2, "two watches are called 'w'"),
    ],
)
def test_a_mistake_in_a_watch_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(text)
    with pytest.raises(SourceError) as caught:
        load_watches(file)
    assert says in str(caught.value)


def test_a_release_of_a_pipeline_is_one_and_its_parts_are_scanned(
    hub: Hub, hub_root: Path, watch: Path, store: Store
) -> None:
    for part in ("unet", "vae"):
        write(hub_root / "pipe" / part, card="")
    (hub_root / "pipe" / "model_index.json").write_text("{}")
    hub.add("me/pipe", hub_root / "pipe", tags=["nets"])
    found, summary, *_ = track(watch, store, scan=Method(), access=hub.access)
    assert [(release.event, release.repo_id) for release in found] == [("new", "me/pipe")]
    assert summary is not None
    assert summary.scanned == 2
    assert recorded(store) == [("new", "me/pipe")]
    assert seen(hub, watch, store) == []
