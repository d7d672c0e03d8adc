"""`zoo lineage`: models read, compared, and their rows in the store; what fails is a row."""

import json
from pathlib import Path

import pytest

import zoo_analysis
from tests.support import family_tree as family
from tests.support.command import zoo
from zoo_analysis.cluster.comparing.lineage import LineageSummary
from zoo_analysis.errors import ZooError
from zoo_analysis.store import Store, open_store


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
        *("units", "aligned_cka", "distance", "kinship")
    }
    assert zoo("scan", tree, "--store", store).code == 0
    answer = zoo("lineage", "--all", "--store", store)
    assert answer.code == 0, answer.err
    assert "1 pair of 3 kin, 1 of them not declared; 1 declared and not kin" in answer.out
    assert zoo("lineage", "--store", store).code == 2
    assert zoo("lineage", tree, "--all", "--store", store).code == 2


def test_one_model_has_no_lineage(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="two and more"):
        zoo_analysis.lineage([str(tree / "base")], tmp_path / "store")
