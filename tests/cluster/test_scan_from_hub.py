"""A scan through the hub finds what a scan of the same files on disk finds."""

import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.loopback import Hub
from tests.support.repositories import CARD, tensor_bytes, tensors, write
from zoo_analysis import open_store, plan, scan, show
from zoo_analysis.errors import QueryError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import resolve_sources
from zoo_analysis.spectra import method

pytestmark = pytest.mark.usefixtures("local_ray")

NOT_ALIKE = ("revision", "seconds", "retrieved_at")


def rows(store: Path, sql: str) -> list[tuple[object, ...]]:
    return open_store(store).sql(sql).fetchall()


def alike(a: Path, b: Path, table: str, order: str) -> bool:
    tables = [open_store(s).sql(f"FROM {table} ORDER BY {order}").to_arrow_table() for s in (a, b)]
    names = [name for name in tables[0].column_names if name not in NOT_ALIKE]
    return bool(tables[0].num_rows) and tables[0].select(names).equals(tables[1].select(names))


def test_the_tables_are_those_of_the_same_files_on_disk(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    homes = {
        "me/one": write(hub_root / "me" / "one"),
        "me/large": write(hub_root / "me" / "large", ((2280, 2280), (2280, 2280), (40, 20))),
        "me/shards": write(hub_root / "me" / "shards", ((300, 200),) * 6, shards=3),
    }
    pickled = hub_root / "me" / "pickled"
    write(pickled)
    (pickled / "model.safetensors").unlink()
    torch.save(tensors("pickled"), pickled / "pytorch_model.bin")
    homes["me/pickled"] = pickled
    for repo_id, home in homes.items():
        hub.add(repo_id, home)
    through, direct = tmp_path / "through", tmp_path / "direct"
    summary = scan(list(homes), str(through), access=hub.access)
    assert (summary.scanned, summary.failed) == (4, 0), summary.failures
    assert scan([str(hub_root)], str(direct)).scanned == 4
    assert alike(through, direct, "layers", "repo_id, layer")
    assert alike(through, direct, "esds", "repo_id, layer")
    assert alike(through, direct, "accuracies", "repo_id, dataset")
    columns = "repo_id, series, architecture, library, parameters, bytes, weights_format, license"
    sql = f"SELECT {columns} FROM models ORDER BY repo_id"
    assert rows(through, sql) == rows(direct, sql)
    shas = {repo.repo_id: repo.main for repo in hub.repos.values()}
    assert dict(rows(through, "SELECT DISTINCT repo_id, revision FROM layers")) == shas
    assert scan(list(homes), str(through), access=hub.access).skipped == 4


def pipeline(home: Path) -> Path:
    """Two parts with configurations of their own; one of them also in half precision."""
    for part in ("unet", "vae"):
        write(home / part, card="")
        (home / part / "README.md").unlink()
    half = {name: tensor.half() for name, tensor in tensors("unet").items()}
    save_file(half, home / "unet" / "model.fp16.safetensors")
    (home / "README.md").write_text(CARD)
    (home / "model_index.json").write_text("{}")
    return home


def test_the_parts_of_a_pipeline_are_models_of_one_commit_as_on_disk(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    home = pipeline(hub_root / "me" / "pipe")
    commit = hub.add("me/pipe", home).main
    through, direct = tmp_path / "through", tmp_path / "direct"
    assert scan(["me/pipe"], through, access=hub.access).scanned == 2
    assert hub.api_calls == 1
    assert scan([str(home)], direct).scanned == 2
    for table, order in (
        ("layers", "repo_id, layer"),
        ("esds", "repo_id, layer"),
        ("accuracies", "repo_id"),
    ):
        assert alike(through, direct, table, order)
    columns = "repo_id, series, library, parameters, bytes, license, pipeline_tag"
    sql = f"SELECT {columns} FROM models ORDER BY repo_id"
    assert rows(through, sql) == rows(direct, sql)
    assert rows(through, "SELECT DISTINCT repo_id, revision FROM layers ORDER BY 1") == [
        ("me/pipe/unet", commit),
        ("me/pipe/vae", commit),
    ]
    assert rows(through, "SELECT repo_id FROM accuracies") == [("me/pipe",)]
    assert scan(["me/pipe"], through, access=hub.access).skipped == 2
    assert plan(["me/pipe"], through, access=hub.access).as_dict()["totals"]["layers"] == 0
    with pytest.raises(
        QueryError, match="fits 2 models; give the whole name: me/pipe/unet, me/pipe/vae"
    ):
        show(through, "me/pipe")


def test_a_variant_is_measured_beside_the_plain_weights(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    home = pipeline(hub_root / "me" / "pipe")
    hub.add("me/pipe", home)
    for source in ("me/pipe", str(home)):
        store = tmp_path / Path(source).name / str(source.count("/"))
        scan([source], store, access=hub.access)
        priced = plan([source], variant="fp16", access=hub.access).as_dict()["models"]
        assert {model["repo_id"] for model in priced} == {"me/pipe/unet:fp16", "me/pipe/vae"}
        summary = scan([source], store, variant="fp16", access=hub.access)
        assert (summary.scanned, summary.skipped) == (1, 1)
        assert [(name, "no variant fp16" in text) for name, text in summary.remarks] == [
            ("me/pipe/vae", True)
        ]
        precisions = rows(store, "SELECT DISTINCT repo_id, precision FROM layers ORDER BY 1")
        assert precisions == [
            ("me/pipe/unet", "float32"),
            ("me/pipe/unet:fp16", "float16"),
            ("me/pipe/vae", "float32"),
        ]
        configs = rows(store, "SELECT config->>'variant' FROM scans ORDER BY started_at")
        assert configs == [(None,), ("fp16",)]


def test_a_model_costs_one_call_and_no_byte_comes_twice(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    homes = [
        write(hub_root / "me" / "flat", ((700, 500),) * 8),
        write(hub_root / "me" / "cut", ((700, 500),) * 8, shards=3),
        write(hub_root / "me" / "tiny"),
    ]
    for home in homes:
        hub.add(f"me/{home.name}", home)
    names = [f"me/{home.name}" for home in homes]
    assert scan(names, str(tmp_path / "store"), access=hub.access).scanned == 3
    assert hub.api_calls == 3
    assert hub.sent["cdn"] <= 1.02 * sum(tensor_bytes(home) for home in homes)
    assert hub.leaks == 0


def test_configurations_that_say_nothing_are_told_of_as_on_disk(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    told, names = [], []
    for number, config in enumerate(["{", "[1]", "5", "\ud800{", "{" * 10_000]):
        folder = write(hub_root / f"net{number}")
        (folder / "config.json").write_text(config, errors="surrogatepass")
        hub.add(f"me/net{number}", folder)
        names.append(f"me/net{number}")
        (on_disk,) = resolve_sources([str(folder)]).refs
        told += [(names[-1], text) for text in on_disk.remarks]
    summary = scan(names, tmp_path / "store", access=hub.access)
    assert (summary.scanned, summary.failed) == (5, 0), summary.failures
    assert sorted(summary.remarks) == told
    assert {text for _, text in told} == {"config.json is no JSON object, and is passed over"}


def test_a_push_in_the_middle_mixes_nothing(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    home = write(hub_root / "me" / "net")
    repo = hub.add("me/net", home)
    before = repo.main
    resolved = resolve_sources(["me/net"], hub.access)
    repo.push(write(tmp_path / "next" / "net", ((99, 50),)))
    store = open_store(str(tmp_path / "store"))
    assert scan(resolved, store, access=hub.access).layers == 2
    assert rows(tmp_path / "store", "SELECT DISTINCT revision FROM layers") == [(before,)]
    assert scan(["me/net"], store, access=hub.access).layers == 1
    assert scan([f"me/net@{before[:10]}"], store, access=hub.access).skipped == 1


def test_three_hundred_models_and_one_fault_in_twenty(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    for i in range(300):
        hub.add(f"many/m{i}", write(hub_root / "many" / f"m{i}", ((14, 12),), card=""))
    hub.faults.rate = 0.05
    catalogue = tmp_path / "many.toml"
    catalogue.write_text('[[queries]]\nauthor = "many"\n')
    clock = time.monotonic()
    summary = scan([str(catalogue)], str(tmp_path / "store"), access=hub.access)
    assert (summary.scanned, summary.failed) == (300, 0), summary.failures
    assert time.monotonic() - clock < 60
    found = rows(tmp_path / "store", "SELECT count(*), count(DISTINCT repo_id) FROM layers")
    assert found == [(300, 300)]
    assert hub.api_calls < 15


def test_a_server_that_ignores_ranges_is_downloaded_from_once(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    home = write(hub_root / "me" / "net", ((400, 300),) * 3)
    hub.add("me/net", home)
    hub.faults.ignore_range = True
    store = str(tmp_path / "store")
    assert scan(["me/net"], store, access=hub.access).scanned == 1
    assert hub.calls["cdn"] == 2, "one request to find out, one for the file"
    assert scan(["me/net"], store, method(dtype="float32"), access=hub.access).scanned == 1
    assert hub.calls["cdn"] == 2
    cache = tmp_path / "hf" / "zoo-analysis"
    assert [f.name for f in cache.rglob("*.safetensors")] == ["model.safetensors"]


def test_weights_that_exceed_the_cache_are_a_failure_that_says_so(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    home = write(hub_root / "me" / "net", ((400, 400),))
    hub.add("me/net", home)
    hub.faults.ignore_range = True
    summary = scan(["me/net"], str(tmp_path / "store"), cache_size=100_000, access=hub.access)
    (failed,) = summary.failures
    assert "`cache_size`" in failed.message


def test_a_token_is_used_and_never_told(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    repo = hub.add("me/closed", write(hub_root / "me" / "closed", ((300, 200),)), gated="auto")
    repo.allowed.add("hf_good")
    store = tmp_path / "store"
    (failed,) = scan(["me/closed"], str(store), access=hub.access).failures
    assert failed.message.startswith("me/closed: gated")
    assert "HF_TOKEN" in failed.message
    access = HubAccess(hub.url, "hf_good", first_wait=0.01, home=str(tmp_path / "hf"))
    assert scan(["me/closed"], str(store), access=access).scanned == 1
    assert hub.leaks == 0
    everything = b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())
    assert b"hf_good" not in everything
    assert "hf_good" not in repr(HubAccess(hub.url, "hf_good"))


def scan_afresh(hub: Hub, tmp_path: Path, downloads: int) -> None:
    """Scan what the hub has, counting from zero what it is asked."""
    resolved = resolve_sources(list(hub.repos), hub.access)
    hub.forget()
    store = open_store(str(tmp_path / "store"))
    summary = scan(resolved, store, downloads=downloads, access=hub.access)
    assert summary.scanned == len(hub.repos)


def test_downloads_at_the_same_time_are_limited(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    for i in range(6):
        hub.add(f"me/n{i}", write(hub_root / "me" / f"n{i}"))
    hub.faults.rate, hub.faults.kinds = 1.0, ("slow",)
    scan_afresh(hub, tmp_path, downloads=1)
    assert hub.most_busy == 1


def test_whole_files_of_one_node_come_side_by_side(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    for i in range(8):
        home = write(hub_root / "me" / f"n{i}")
        (home / "model.safetensors").unlink()
        torch.save(tensors(home.name), home / "pytorch_model.bin")
        hub.add(f"me/n{i}", home)
    hub.faults.orders, hub.faults.delay = [("slow", "/cdn/")] * 8, 0.4
    scan_afresh(hub, tmp_path, downloads=4)
    assert hub.calls["cdn"] == 8
    assert hub.most["cdn"] == 2, "as many as there are workers"
