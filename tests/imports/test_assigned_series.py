"""Stored models get another series: by hand, or as their sources say it now."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis import scan
from zoo_analysis.answers.ranking import rank
from zoo_analysis.errors import QueryError
from zoo_analysis.imports.assigned_series import list_series, restate_series, set_series
from zoo_analysis.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "store")
    models = [model_rows(f"lab/{n}", alphas=(3.0,), series="old") for n in ("vgg11", "vgg13", "b0")]
    store.commit_models(models, "scan")
    return store


def series_of(store: Store) -> dict[str, str | None]:
    rows = store.run("SELECT repo_id, series FROM models").to_pylist()
    return {row["repo_id"].removeprefix("lab/"): row["series"] for row in rows}


def test_by_hand_until_it_is_taken_back(store: Store) -> None:
    told = set_series(store, "vgg", ["lab/vgg*"]).to_pylist()
    assert told == [
        {"repo_id": f"lab/{n}", "before": "old", "series": "vgg"} for n in ("vgg11", "vgg13")
    ]
    assert series_of(store) == {"vgg11": "vgg", "vgg13": "vgg", "b0": "old"}
    assert rank(store, "alpha", "vgg")["repo_id"].to_pylist() == ["lab/vgg11", "lab/vgg13"]
    depths = store.run("depth-profile")
    assert set(depths["series"].to_pylist()) == {"old", "vgg"}
    assert [tuple(row.values()) for row in list_series(store).to_pylist()] == [
        ("old", 1, 0),
        ("vgg", 2, 0),
    ]
    set_series(store, None, ["vgg11"])
    assert series_of(store) == {"vgg11": "old", "vgg13": "vgg", "b0": "old"}
    with pytest.raises(QueryError, match="'vgg' fits 2 models"):
        set_series(store, "x", ["vgg"])
    with pytest.raises(QueryError, match="no model 'lab/vgg12' in the store; did you mean"):
        set_series(store, "x", ["lab/vgg12"])
    with pytest.raises(QueryError, match="no model 'x/"):
        set_series(store, "x", ["x/*"])


def test_what_sources_say_now_is_kept_once_and_by_hand_stays_until_they_say_another(
    store: Store,
) -> None:
    assert restate_series(store, {"lab/b0": "old", "lab/new": "x"}) == []
    (told,) = restate_series(store, {"lab/b0": "efficientnet"})
    assert told == ("lab/b0", "in the store it is of series efficientnet now")
    set_series(store, "mine", ["b0"])
    assert restate_series(store, {"lab/b0": "efficientnet"}) == []
    assert series_of(store)["b0"] == "mine"
    restate_series(store, {"lab/b0": "efficientnet-lite"})
    assert series_of(store)["b0"] == "efficientnet-lite"
    restate_series(store, {"lab/b0": "efficientnet"})
    assert series_of(store)["b0"] == "efficientnet", "an earlier one, said anew"


def test_a_catalogue_tells_of_models_that_are_stored_already(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    save_file({"fc.weight": torch.randn(40, 30, generator=generator)}, tmp_path / "net.safetensors")
    catalogue = tmp_path / "mine.toml"
    entry = '[[models]]\nrepo_id = "lab/net"\nfile = "net.safetensors"\n'
    catalogue.write_text(f'title = "t"\n{entry}')
    where = tmp_path / "store"
    assert scan(str(catalogue), where).scanned == 1
    assert series_of(open_store(where)) == {"net": None}
    reported = '[[models.accuracies]]\ndataset = "imagenet-1k"\nmetric = "accuracy"\nvalue = 71.9\n'
    catalogue.write_text(f'title = "t"\n{entry}series = "nets"\n{reported}source = "paper"\n')
    again = scan(str(catalogue), where)
    assert (again.scanned, again.skipped) == (0, 1)
    assert ("lab/net", "in the store it is of series nets now") in again.remarks
    (row,) = rank(where, "alpha", "nets", dataset="imagenet-1k").to_pylist()
    assert (row["repo_id"], row["accuracy"]) == ("lab/net", 71.9)


def test_the_commands(store: Store) -> None:
    uri = store.uri
    assert zoo("series", "set", "vgg", "vgg11", "vgg13", "--store", uri).code == 0
    listed = zoo("series", "list", "--store", uri, "-f", "csv").out.splitlines()
    assert listed[1:] == ["old,1,0", "vgg,2,0"]
    assert zoo("series", "unset", "lab/*", "--store", uri).code == 0
    assert set(series_of(store).values()) == {"old"}
