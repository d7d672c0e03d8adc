"""What the hub says becomes models, and what it refuses one clear line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.loopback import Hub
from tests.support.repositories import write
from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import ModelRef, resolve_sources


def only(hub: Hub, source: str) -> ModelRef:
    resolved = resolve_sources([source], hub.access)
    assert not resolved.problems
    (ref,) = resolved.refs
    return ref


def problem(hub: Hub, source: str) -> str:
    resolved = resolve_sources([source], hub.access)
    assert not resolved.refs
    (found,) = resolved.problems
    assert "\n" not in found.message
    return found.message


def test_a_model_is_described_by_one_call(hub: Hub, hub_root: Path) -> None:
    created, modified = datetime(2024, 5, 6, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
    repo = hub.add(
        "timm/net",
        write(hub_root / "net"),
        created=created,
        modified=modified,
        downloads=7,
        likes=3,
    )
    repo.eval_results = [
        {"dataset": {"id": "cais/hle", "task_id": "default"}, "value": 20.9},
        {"dataset": {"id": "cais/hle", "task_id": "text"}, "value": "n/a"},
    ]
    ref = only(hub, "timm/net")
    assert hub.api_calls == sum(hub.calls.values()) == 1
    assert (ref.repo_id, ref.revision, ref.source) == ("timm/net", repo.main, "hub")
    assert ref.path == f"hf://timm/net@{repo.main}/model.safetensors"
    assert (ref.created, ref.modified, ref.downloads, ref.likes) == (created, modified, 7, 3)
    assert (ref.library, ref.pipeline_tag, ref.license) == ("timm", "image-classification", "mit")
    assert ref.series == "unheard-of"
    assert [(a.dataset, a.metric, a.value, a.source) for a in ref.accuracies] == [
        ("digits", "accuracy", 75.0, "card"),
        ("cais/hle", "score", 20.9, "eval-results"),
    ]


def test_a_revision_is_a_branch_or_a_part_of_a_commit(hub: Hub, hub_root: Path) -> None:
    repo = hub.add("me/net", write(hub_root / "net"))
    old, new = repo.main, repo.push(write(hub_root / "next"))
    assert only(hub, "me/net").revision == only(hub, "hf://me/net@main").revision == new
    assert only(hub, f"me/net@{old[:8]}").revision == old
    assert only(hub, "hf://me/net@main").branch == "main"
    assert only(hub, "me/net").branch is only(hub, f"me/net@{old[:8]}").branch is None


ODD = [
    "eval_results: see the paper",
    "tags: 3",
    "model-index: 3",
    "model-index: [{name: n, results: [{task: {type: t}, dataset: text, metrics: [3]}]}]",
    "base_model: {a: b}",
]


def test_an_odd_card_costs_its_odd_field_and_no_other_model(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    for number, odd in enumerate(ODD):
        folder = write(hub_root / f"m{number}")
        (folder / "README.md").write_text(f"---\nlicense: mit\nlibrary_name: timm\n{odd}\n---\n")
        hub.add(f"me/m{number}", folder)
        ref = only(hub, f"me/m{number}")
        assert (ref.license, ref.library) == ("mit", "timm")
    listed = tmp_path / "me.toml"
    listed.write_text('[[queries]]\nauthor = "me"\n')
    refs = resolve_sources([str(listed)], hub.access).refs
    assert [(ref.license, ref.library) for ref in refs] == [("mit", "timm")] * len(ODD)


def test_malformed_evaluation_results_cost_themselves_and_nothing_else(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        hub.add(f"me/{name}", write(hub_root / name))
    source = {"dataset": {"id": "x", "task_id": "y"}, "value": 1, "source": {"name": "no url"}}
    hub.repos["me/b"].eval_results = [source]
    assert only(hub, "me/b").accuracies
    listed = tmp_path / "me.toml"
    listed.write_text('[[queries]]\nauthor = "me"\n')
    assert [ref.repo_id for ref in resolve_sources([str(listed)], hub.access).refs] == [
        "me/a",
        "me/b",
        "me/c",
    ]


def test_a_page_answers_for_all_its_models(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    home = write(hub_root / "net")
    for i in range(230):
        hub.add(f"{'even' if i % 2 == 0 else 'odd'}/n{i}", home, tags=["nets"])
    listed = tmp_path / "listed.toml"
    listed.write_text('series = "s"\n[[queries]]\nfilter = ["nets"]\nauthor = "odd"\n')
    refs = resolve_sources([str(listed)], hub.access).refs
    assert len(refs) == 115
    assert {ref.series for ref in refs} == {"s"}
    assert hub.api_calls == 2
    hub.forget()
    listed.write_text('[[queries]]\nfilter = ["nets"]\nlimit = 30\n')
    assert len(resolve_sources([str(listed)], hub.access).refs) == 30
    assert hub.api_calls == 1


def test_a_listing_that_breaks_off_is_completed(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    home = write(hub_root / "net")
    for i in range(250):
        hub.add(f"me/n{i}", home)
    listed = tmp_path / "listed.toml"
    listed.write_text('[[queries]]\nauthor = "me"\n')
    hub.faults.orders = [("short", "cursor=100"), ("reset", "cursor=200")]
    assert len(resolve_sources([str(listed)], hub.access).refs) == 250


def test_parameters_are_counted_where_a_mirror_does_not(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    for side in (10, 100, 200):
        hub.add(f"me/n{side}", write(hub_root / f"n{side}", ((side, side),)))
    listed = tmp_path / "listed.toml"
    listed.write_text("[[queries]]\nmin_parameters = 1_000\nmax_parameters = 20_000\n")
    assert [ref.repo_id for ref in resolve_sources([str(listed)], hub.access).refs] == ["me/n100"]
    assert "num_parameters=min%3A1K%2Cmax%3A20K" in hub.asked[0]


def test_a_catalogue_of_repositories_lends_revision_series_and_accuracies(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    repo = hub.add("me/net", write(hub_root / "net"))
    old = repo.main
    repo.push(write(hub_root / "next"))
    listed = tmp_path / "listed.toml"
    listed.write_text(
        f'series = "s"\n[[models]]\nrepo_id = "me/net"\nrevision = "{old}"\n'
        '[[models.accuracies]]\ndataset = "imagenet-1k"\nmetric = "accuracy"\nvalue = 71\n'
        'source = "paper"\n[[models]]\nrepo_id = "me/missing"\n'
    )
    resolved = resolve_sources([str(listed)], hub.access)
    (ref,) = resolved.refs
    assert (ref.revision, ref.series, ref.accuracies[0].value) == (old, "s", 71)
    assert [found.repo_id for found in resolved.problems] == ["me/missing"]


def test_a_renamed_repository_is_followed_to_its_name(hub: Hub, hub_root: Path) -> None:
    hub.add("old/net", write(hub_root / "net"))
    hub.rename("old/net", "new/net")
    assert only(hub, "old/net").repo_id == "new/net"


def test_what_the_hub_refuses_is_one_line(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    hub.add("me/net", write(hub_root / "net"))
    bare = hub_root / "bare"
    bare.mkdir()
    (bare / "README.md").write_text("nothing here")
    hub.add("me/bare", bare)
    assert "no such repository" in problem(hub, "me/nett")
    assert "no revision 'v9'" in problem(hub, "me/net@v9")
    assert "no weights" in problem(hub, "me/bare")
    with pytest.raises(SourceError, match="does not accept the token") as caught:
        resolve_sources(["me/net"], HubAccess(hub.url, "hf_wrong", first_wait=0.01))
    assert "hf_wrong" not in str(caught.value)
    with pytest.raises(SourceError, match=r"cannot reach http://127\.0\.0\.1:9"):
        resolve_sources(["me/net"], HubAccess("http://127.0.0.1:9", first_wait=0.01))


@pytest.mark.parametrize("kind", ["429", "500", "503", "reset", "short"])
def test_trouble_that_passes_is_waited_out(hub: Hub, hub_root: Path, kind: str) -> None:
    hub.add("me/net", write(hub_root / "net"))
    hub.faults.orders = [(kind, "/api/models/me/net")] * 3
    assert only(hub, "me/net").repo_id == "me/net"


def test_a_server_says_how_long_to_wait(hub: Hub, hub_root: Path) -> None:
    hub.add("me/net", write(hub_root / "net"))
    hub.faults.orders, hub.faults.retry_after = [("429", "/api/models")], 1
    only(hub, "me/net")
    first, second = hub.times
    assert second - first >= 1


def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    with pytest.raises(SourceError, match="hf://models/net"):
        resolve_sources(["models/net"], hub.access)
    assert not hub.calls


def test_a_split_model_is_one_and_of_several_quantisations_one_is_to_be_named(
    hub: Hub, hub_root: Path
) -> None:
    for name, files in {
        "split": [f"net-0000{i}-of-00003.gguf" for i in (1, 2, 3)],
        "several": ["net.Q4_K_M.gguf", "net.Q8_0.gguf", "config.json"],
        "beside": ["net.Q8_0.gguf", "net.imatrix.gguf", "imatrix_own.gguf"],
    }.items():
        (hub_root / name).mkdir()
        for file in files:
            (hub_root / name / file).write_text("{}")
        hub.add(f"me/{name}", hub_root / name)
    assert only(hub, "me/split").path.endswith("/net-{00001..00003}-of-00003.gguf")
    assert only(hub, "me/beside").path.endswith("/net.Q8_0.gguf")
    several = problem(hub, "me/several")
    assert "several weight files (net.Q4_K_M.gguf, net.Q8_0.gguf); name one" in several
