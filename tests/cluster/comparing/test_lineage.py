"""`zoo lineage`: models read, compared, and their rows in the store; what fails is a row."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import zoo_analysis
from tests.support import family_tree as family
from tests.support.command import zoo
from zoo_analysis.cluster.comparing.lineage import LineageSummary
from zoo_analysis.errors import ZooError
from zoo_analysis.pairwise.lineage.relatives import compared_rows
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """base, tuned (of which no card says so), other (whose card says it came from base)."""
    root = tmp_path_factory.mktemp("lineage") / "zoo"
    x, y = family.digits()
    base = family.trained(family.stack(0), x, y, 60, 0)
    family.saved(base, root / "base")
    family.saved(family.trained(base, x, y, 40, 1, lr=1e-3), root / "tuned")
    family.saved(family.stack(1), root / "other", "someone/base")
    return root


@pytest.fixture(scope="module")
def answered(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, LineageSummary]:
    place = tmp_path_factory.mktemp("answered")
    (broken := place / "zoo" / "broken").mkdir(parents=True)
    (broken / "model.safetensors").write_bytes(b"\x00" * 20)
    store = open_store(place / "store")
    return store, zoo_analysis.lineage([str(tree), str(broken)], store)


def test_rows_and_failures(answered: tuple[Store, LineageSummary], tree: Path) -> None:
    store, told = answered
    assert (told.models, told.read, told.failed, told.pairs) == (4, 3, 1, 3)
    assert (told.related, told.undeclared, told.unrelated, told.undecided) == (1, 1, 1, 0)
    assert store.run("failures").to_pylist()[0]["stage"] == "lineage"
    with pytest.raises(ZooError, match="run zoo lineage again"):  # all with all, or not at all
        zoo_analysis.retry(store, told.run_id)
    zoo_analysis.lineage([str(tree)], store)
    rows = store.run("SELECT count(*) AS n FROM lineage WHERE measure = 'kinship'").to_pylist()
    assert rows == [{"n": 3}]  # what was computed twice counts once


def test_known_pairs_are_not_computed_again_and_their_models_not_read(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "store")
    first = zoo_analysis.lineage([str(tree)], store)
    assert (first.known, first.read, first.pairs, first.added) == (0, 3, 3, len(first.rows))
    again = zoo_analysis.lineage([str(tree)], store)
    assert (again.known, again.read, again.pairs, again.added) == (3, 0, 3, 0)
    assert again.rows.drop(["run_id", "computed_at"]) == first.rows.drop(["run_id", "computed_at"])
    # A relative comes to them, and a model of other shapes, which is not read.
    more = tmp_path / "zoo"
    family.saved(
        family.pruned(family.trained(family.stack(0), *family.digits(), 60, 0)), more / "p"
    )
    family.saved(family.stack(5, (16, 8, 4)), more / "q")
    read: list[str] = []
    told = zoo_analysis.lineage(
        [str(tree), str(more)],
        store,
        on_event=lambda event: read.append(event.what) if event.kind == "scanned" else None,
    )
    assert (told.known, told.pairs, told.incompatible) == (3, 10, 4)
    assert sorted(read) == ["zoo/base", "zoo/other", "zoo/p", "zoo/tuned"]
    # Where the tree or Holm's p changed, the rows of known pairs are added anew.
    assert told.added < len(told.rows)
    kept = store.run("FROM lineage WHERE run_id <> $run", {"run": told.run_id})
    assert len(kept) + told.added == len(told.rows)
    direct = zoo_analysis.lineage([str(tree), str(more)], tmp_path / "other")
    columns = [name for name in direct.rows.column_names if name not in ("run_id", "computed_at")]
    assert told.rows.select(columns) == direct.rows.select(columns)
    monkeypatch.setattr("zoo_analysis.cluster.comparing.lineage_work.METHOD", "another")
    assert zoo_analysis.lineage([str(tree)], store).known == 0


def test_a_run_that_breaks_off_leaves_the_pairs_that_it_computed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []

    def until_the_second(*pair: Any) -> list[KinshipRow]:
        if computed:
            raise KeyboardInterrupt
        computed.append("a pair")
        return compared_rows(*pair)

    store = open_store(tmp_path / "store")
    monkeypatch.setattr("zoo_analysis.cluster.comparing.lineage.compared_rows", until_the_second)
    with pytest.raises(KeyboardInterrupt) as broken:
        zoo_analysis.lineage([str(tree)], store)
    left = store.run("FROM lineage")
    assert broken.value.__notes__ == [
        f"{len(left)} rows of this comparison are in {store.uri}: the same command goes on from "
        "there"
    ]
    (kinship,) = (row for row in left.to_pylist() if row["measure"] == "kinship")
    assert (kinship["related"], kinship["step"]) == (None, None)  # that is for all pairs to tell
    monkeypatch.undo()
    told = zoo_analysis.lineage([str(tree)], store)
    assert (told.known, told.pairs) == (1, 3)
    apart = ["run_id", "computed_at"]
    assert told.rows.drop(apart) == zoo_analysis.lineage([str(tree)], tmp_path / "o").rows.drop(
        apart
    )


def test_pairs_are_committed_while_others_are_computed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "store")
    seen: list[int] = []

    def after_a_look(*pair: Any) -> list[KinshipRow]:
        seen.append(len(store.run("FROM lineage WHERE measure = 'kinship'")))
        return compared_rows(*pair)

    monkeypatch.setattr("zoo_analysis.cluster.comparing.lineage_rows._SECONDS", -1.0)
    monkeypatch.setattr("zoo_analysis.cluster.comparing.lineage.compared_rows", after_a_look)
    told = zoo_analysis.lineage([str(tree)], store)
    assert seen == [0, 1, 2]
    assert len(store.run("FROM lineage")) == len(told.rows) < told.added
    columns = ["measure", "related", "p_holm", "step", "parent"]
    order = "repo_id_a, repo_id_b, measure"
    kept = store.run(f"SELECT {', '.join(columns)} FROM lineage ORDER BY {order}")
    by = [("repo_id_a", "ascending"), ("repo_id_b", "ascending"), ("measure", "ascending")]
    assert kept.to_pylist() == told.rows.sort_by(by).select(columns).to_pylist()


def test_on_ray_the_rows_are_the_same_and_what_fails_costs_itself(
    tree: Path, tmp_path: Path
) -> None:
    here = zoo_analysis.lineage([str(tree)], tmp_path / "here")
    (broken := tmp_path / "zoo" / "broken").mkdir(parents=True)
    file = family.saved(family.stack(3), tmp_path / "zoo" / "cut") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    (broken / "model.safetensors").write_bytes(b"\x00" * 20)
    told = zoo_analysis.lineage(
        [str(tree), str(file.parent), str(broken)], tmp_path / "ray", model_seconds=500.0
    )
    assert (told.read, told.failed) == (3, 2)
    apart = ["run_id", "computed_at"]
    assert told.rows.drop(apart) == here.rows.drop(apart)


def test_what_is_left_out_is_said(tree: Path, tmp_path: Path) -> None:
    import torch

    net = family.stack(4)
    with torch.no_grad():
        net[0].weight[0, 0] = torch.inf
    odd = family.saved(net, tmp_path / "zoo" / "odd")
    told = zoo_analysis.lineage([str(tree / "base"), str(odd)], tmp_path / "store")
    text = "lineage leaves out 1 of 3 matrices (1 not finite: 0)"
    assert told.remarks == [("zoo/odd", text)]
    kinship = next(row for row in told.rows.to_pylist() if row["measure"] == "kinship")
    assert kinship["note"] == f"zoo/odd: {text}"


def test_pairs_of_an_earlier_method_are_computed_anew_and_show_nothing_of_it(
    tree: Path, tmp_path: Path
) -> None:
    import torch

    net = family.stack(4)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    sources = [str(tree / "base"), str(family.saved(net, tmp_path / "zoo" / "zeros"))]
    told = zoo_analysis.lineage(sources, tmp_path / "first").rows
    assert told.select(["measure", "related"]).to_pylist() == [
        {"measure": "kinship", "related": None}  # zeros tell of nothing
    ]
    store = open_store(tmp_path / "store")
    (row,) = told.to_pylist()
    before = row | {"method": "lineage-0", "related": True, "computed_at": datetime(2020, 1, 1)}
    rows = [before, before | {"measure": "units", "value": 1.0, "log10_p": -99.0}]
    store.append("lineage", pa.Table.from_pylist(rows, schema=told.schema))
    assert len(store.run("FROM lineage")) == 2
    assert zoo_analysis.lineage(sources, store).known == 0
    shown = store.run("SELECT measure, related FROM lineage")
    assert shown.to_pylist() == [{"measure": "kinship", "related": None}]


def test_undeclared_relatives(answered: tuple[Store, LineageSummary]) -> None:
    (kin,) = answered[0].run("undeclared-relatives").to_pylist()
    assert (kin["repo_id_a"], kin["repo_id_b"], kin["step"]) == ("zoo/base", "zoo/tuned", True)
    assert kin["log10_p"] < -100


def test_declared_but_unrelated(answered: tuple[Store, LineageSummary]) -> None:
    (said,) = answered[0].run("declared-but-unrelated").to_pylist()
    assert (said["repo_id_a"], said["repo_id_b"]) == ("zoo/base", "zoo/other")


def test_the_command_takes_two_models_or_all_of_the_stores_scans(
    tree: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    answer = zoo("lineage", tree / "base", tree / "tuned", "--store", store, "-f", "json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["pairs"] == told["related"] == 1
    assert {row["measure"] for row in told["rows"]} == {
        *("units", "spearman", "aligned_cka", "distance", "changed", "kinship")
    }
    assert zoo("scan", tree, "--store", store).code == 0
    answer = zoo("lineage", "--all", "--store", store)
    assert answer.code == 0, answer.err
    assert "1 pair of 3 kin, 1 of them not declared; 1 declared and not kin" in answer.out
    assert "1 pair known, 2 new" in answer.out
    assert zoo("lineage", "--store", store).code == 2
    assert zoo("lineage", tree, "--all", "--store", store).code == 2


def test_one_model_has_no_lineage(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="two models and more, here 1"):
        zoo_analysis.lineage([str(tree / "base")], tmp_path / "store")


@pytest.mark.parametrize("level", [0, 1, -1, float("nan")])
def test_a_level_is_a_share(tree: Path, tmp_path: Path, level: float) -> None:
    answer = zoo("lineage", tree / "base", tree / "tuned", "--level", level, "--store", tmp_path)
    assert answer.code == 2
    assert "give a share within 0 and 1" in " ".join(answer.err.split())
