"""What the commands answer, asked from Python: of a store, of its path, or of the one at hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.answers import (
    diagnosis,
    model,
    questions,
    ranking,
    regressions,
    similarity,
)
from zoo_analysis.answers.accuracies import accuracies_reported
from zoo_analysis.answers.comparison import two_models
from zoo_analysis.answers.operation.store_upkeep import (
    check_store,
    compact_store,
    store_history,
    vacuum_store,
)
from zoo_analysis.answers.releases import releases
from zoo_analysis.errors import QueryError, StoreError, ZooError
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import SIMILARITIES

Ask = Callable[[Any], Any]
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
VERBS: dict[str, Ask] = {
    "query": lambda store: questions.query(store, "SELECT repo_id FROM models ORDER BY ALL"),
    "show": lambda store: model.show(store, "net-1").as_dict(),
    "regress": lambda store: regressions.regress(store, ["alpha"], by="none"),
    "regress mixed": lambda store: regressions.regress(store, ["alpha"], mixed=True),
    "rank": lambda store: ranking.rank(store, "alpha"),
    "compare": lambda store: two_models.compare(store, "net-1", "net-2").as_dict(),
    "diagnose": lambda store: diagnosis.diagnose(store, "net-1").as_dict(),
    "similar": lambda store: similarity.similar(store, "net-1"),
    "matrix": lambda store: similarity.matrix(store),
    "accuracies": accuracies_reported,
    "releases": releases,
    "store history": store_history,
    "store vacuum": lambda store: vacuum_store(store, dry_run=True),
    "store check": check_store,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("verbs") / "store")
    alphas = [(2.0, 4.0, 3.5), (2.5, 3.0, 5.0), (6.0, 2.2, 2.1), (3.0, 3.3, 3.9)]
    for i, each in enumerate(alphas):
        store.commit_models([model_rows(f"lab/net-{i}", alphas=each, series="s")], "scan")
    told = {"dataset": "d", "metric": "accuracy", "source": "card"}
    rows = [{**told, "repo_id": f"lab/net-{i}", "value": 70.0 + i**2} for i in range(4)]
    store.append("accuracies", pa.Table.from_pylist(rows))
    whole = {"measure": "neuronal", "probe": "p", "mode": "full", "neurons": "channel"}
    pair = {"repo_id_a": "lab/net-1", "revision_a": "r1", "revision_b": "r1", "selection": "all"}
    pairs = [whole | pair | {"repo_id_b": f"lab/net-{i}", "value": i / 10} for i in (0, 2, 3)]
    store.append("similarities", pa.Table.from_pylist(pairs, schema=SIMILARITIES))
    seen = {"watch": "w", "event": "new", "seen_at": SEEN}
    rows = [{**seen, "repo_id": name, "revision": "r1"} for name in ("lab/net-1", "lab/other")]
    store.append("releases", pa.Table.from_pylist(rows))
    return store


@pytest.mark.parametrize("verb", VERBS)
def test_a_store_is_given_named_or_the_one_at_hand(
    store: Store, verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = VERBS[verb](store)
    assert VERBS[verb](store.uri) == expected
    assert VERBS[verb](Path(store.uri)) == expected
    monkeypatch.setenv("ZOO_STORE", store.uri)
    assert VERBS[verb](None) == expected
    with pytest.raises(StoreError, match="no store at"):
        VERBS[verb](tmp_path / "nothing")


def test_the_past_of_a_store_that_is_open(store: Store) -> None:
    count = "SELECT count(*) AS n FROM models"
    first = next(
        commit["version"]
        for commit in store_history(store).to_pylist()
        if commit["table"] == "commits" and commit["rows"]
    )
    assert questions.query(store, count, as_of=first)["n"].to_pylist() == [1]
    assert questions.query(store.uri, count, as_of=datetime.now(UTC))["n"].to_pylist() == [4]


def test_what_was_reported_and_released(store: Store) -> None:
    assert accuracies_reported(store, "NET-2")["value"].to_pylist() == [74]
    told = {row["repo_id"]: row["scanned"] for row in releases(store).to_pylist()}
    assert told == {"lab/net-1": True, "lab/other": False}
    assert releases(store, since=SEEN + timedelta(seconds=1)).num_rows == 0
    with pytest.raises(QueryError, match="no watch 'other'; there are: w"):
        releases(store, watch="other")


def test_an_empty_listing_says_why(store: Store, tmp_path: Path) -> None:
    assert "no release in the store was seen on watch w since 2999-01-01" in (
        zoo("releases", "--since", "2999-01-01", "--watch", "w", "--store", store.uri).out
    )
    told = zoo("accuracies", "show", "nosuch", "--store", store.uri, "-f", "csv")
    assert "no reported accuracy in the store is of a model with 'nosuch' in its id" in told.err
    bare = open_store(tmp_path / "bare")
    bare.commit_models([model_rows("lab/net")], "scan")
    for command, remedy in (
        (["accuracies", "show"], "zoo accuracies sync"),
        (["accuracies", "show", "net"], "zoo accuracies sync"),
        (["releases"], "zoo track WATCH.toml"),
        (["releases", "--since", "7d"], "zoo track WATCH.toml"),
    ):
        told = zoo(*command, "--store", bare.uri)
        assert "the store holds no" in told.out
        assert remedy in told.out


def test_upkeep_and_series_say_that_nothing_was_to_do(store: Store) -> None:
    vacuumed = zoo("store", "vacuum", "--store", store.uri)
    assert vacuumed.out == "no file to remove: versions younger than 7d need all that there are\n"
    for _ in range(2):
        told = zoo("series", "set", "nets", "net-1", "--store", store.uri)
    assert "nothing has changed: they were of this series before" in told.out
    told = zoo("series", "set", "others", "net-1", "--store", store.uri)
    assert "nothing has changed" not in told.out


def test_a_kept_regression_has_the_command_that_makes_it_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for i in range(4):
        store.commit_models([model_rows(f"lab/{i}", alphas=(2.0 + i, 3.0))], "scan")
    told = {"dataset": "d", "metric": "accuracy", "source": "card"}
    rows = [{**told, "repo_id": f"lab/{i}", "value": 70.0 - i} for i in range(4)]
    store.append("accuracies", pa.Table.from_pylist(rows))
    table = regressions.regress(store, ["alpha"], "d", "none", where="layers > 1", keep=True)
    (kept,) = store.run("FROM regressions").to_pylist()
    assert kept["query"] == (
        "zoo regress --metric alpha --dataset d --where 'layers > 1' --by none --min-models 4"
    )
    assert kept["r2"] == table["r2"][0].as_py()
    with pytest.raises(ZooError, match="leave out `mixed`"):
        regressions.regress(store, mixed=True, keep=True)


def test_upkeep_is_told_in_tables(store: Store) -> None:
    done = {row["table"]: row for row in compact_store(store).to_pylist()}
    assert (done["layers"]["files_before"], done["layers"]["files_after"]) == (4, 1)
    removed = {row["table"]: row["files"] for row in vacuum_store(store).to_pylist()}
    assert removed["layers"] == 0, "younger than a week"
    assert check_store(store).table().num_rows == 0
