"""The columns of a store are documented where they are defined, every one."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.command import zoo
from zoo_analysis.answers.operation.store_upkeep import schema, schema_page
from zoo_analysis.errors import QueryError
from zoo_analysis.spectra import analyze_kernel
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store.schemas import COMMIT_ID, TABLES

ROOT = Path(__file__).parents[2]


def test_every_table_and_every_view_of_its_own_is_there() -> None:
    told = schema().to_pylist()
    assert {row["table"] for row in told if row["kind"] == "table"} == set(TABLES)
    assert {"summaries", "accuracy", "likeness"} <= {
        r["table"] for r in told if r["kind"] == "view"
    }
    assert all(row["row"] for row in told)


@pytest.mark.parametrize("name", schema()["table"].to_pylist())
def test_every_column_has_a_type_and_a_meaning(name: str) -> None:
    columns = schema(name).to_pylist()
    assert all(row["meaning"] and row["type"] and row["since"] for row in columns)
    if name in TABLES:
        assert {row["column"] for row in columns} == set(TABLES[name].names) - {COMMIT_ID}


def test_what_a_metric_is_is_said_once() -> None:
    meanings = {row["column"]: row["meaning"] for row in schema("layers").to_pylist()}
    for name, metric in METRICS.items():
        assert meanings[name].startswith(metric.meaning.partition(" [")[0])


def test_units_stand_apart() -> None:
    units = {row["column"]: row["unit"] for row in schema("models").to_pylist()}
    assert (units["bytes"], units["created"], units["likes"]) == ("bytes", "UTC", None)


def test_logarithms_have_their_base_for_a_unit() -> None:
    found = analyze_kernel(np.diag([10.0, 1.0, 0.1]), "weightwatcher").metrics
    assert found.log_spectral_norm == pytest.approx(2)  # λ_max = 100
    for table in ("layers", "summaries", "averages"):
        units = {row["column"]: row["unit"] for row in schema(table).to_pylist()}
        logs = {name for name in units if name.startswith("log_")} | {"alpha_weighted"}
        assert {units[name] for name in logs} == {"log10"}
        assert units["alpha"] is units["stable_rank"] is None


def test_the_page_of_the_documentation_is_that_of_the_definitions() -> None:
    made = "python -m zoo_analysis.answers.operation.store_upkeep > docs/schema.md"
    assert (ROOT / "docs" / "schema.md").read_text(encoding="utf-8") == schema_page(), made


def test_a_table_is_asked_for_by_name() -> None:
    assert "eigenvalues of WᵀW" in zoo("schema", "esds").out
    with pytest.raises(QueryError, match="no table 'layer'; did you mean layers"):
        schema("layer")
