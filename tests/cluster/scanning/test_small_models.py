"""Rows of small models become tables together; a model whose rows fit none is alone in it."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from zoo_analysis.cluster.scanning.small_models import SmallModel, assembled
from zoo_analysis.measure.rows import measured_rows
from zoo_analysis.spectra import Method
from zoo_analysis.weights.layers.inventory import LeftOut
from zoo_analysis.weights.layers.listing import list_layers
from zoo_analysis.weights.readers.memory import MemoryCheckpoint


def small(name: str, sides: int) -> SmallModel:
    checkpoint = MemoryCheckpoint(
        {"a.weight": torch.randn(sides, 12), "b.weight": torch.ones(3, 5)}
    )
    rows = measured_rows(checkpoint, list_layers(checkpoint), Method())
    model = {"repo_id": name, "revision": "r", "parameters": sides * 12}
    left_out = [LeftOut(f"{name}.bias", count, 5, "buffer") for count in range(1, sides % 3 + 1)]
    return SmallModel(model, rows, left_out)


def test_each_model_has_the_rows_that_it_has_alone() -> None:
    models = {number: small(f"lab/{number}", 12 + number) for number in (3, 5, 8)}
    together, bad = assembled(models, Method())
    assert not bad
    for number, model in models.items():
        alone, _ = assembled({number: model}, Method())
        for table in ("layers", "esds", "models", "left_out"):
            key, rows = f"lab/{number}", together[table]
            own = rows.filter([name == key for name in rows["repo_id"].to_pylist()])
            assert own.drop_columns(["commit_id"]).equals(alone[table].drop_columns(["commit_id"]))


@pytest.mark.parametrize(("column", "value"), [("depth", 2**40), ("kind", 7), ("alpha", "steep")])
def test_a_model_whose_rows_fit_no_table_costs_itself(column: str, value: Any) -> None:
    models = {number: small(f"lab/{number}", 12) for number in (1, 2, 4)}
    odd = [{**row, column: value} for row in models[2].rows.layers]
    models[2] = replace(models[2], rows=replace(models[2].rows, layers=odd))
    tables, bad = assembled(models, Method())
    assert list(bad) == [2]
    assert tables["models"]["repo_id"].to_pylist() == ["lab/1", "lab/4"]
    assert set(tables["layers"]["repo_id"].to_pylist()) == {"lab/1", "lab/4"}


def test_where_none_fits_there_are_no_tables() -> None:
    model = small("lab/a", 12)
    odd = replace(model.rows, esds=[{"layer": "a", "eigenvalues": "many"}])
    tables, bad = assembled({6: replace(model, rows=odd)}, Method())
    assert (tables, list(bad)) == ({}, [6])
