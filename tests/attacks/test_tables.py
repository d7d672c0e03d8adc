"""A table of metrics unfolds to no more than such tables have, and its odd columns are told."""

import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.attacks.limits import within
from zoo_analysis.errors import SourceError
from zoo_analysis.imports.metric_tables import Imported, read_averages
from zoo_analysis.sources.parquet_tables import flat_table

TEXT = "x" * 200_000


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(10, more=900 << 20):
        yield


def imported(file: Path) -> Imported:
    return read_averages(file, "m", dataset="d")


def parquet(file: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, file, compression="zstd", **options)
    assert file.stat().st_size < 100_000
    return file


def test_a_text_that_is_kept_once_for_all_rows_is_not_unfolded(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(np.zeros(100_000, np.int32), [TEXT])
    file = parquet(tmp_path / "t.parquet", pa.table({"model": texts, "alpha": np.ones(100_000)}))
    with pytest.raises(SourceError, match="unfolds to more than 268,435,456 bytes"):
        imported(file)


def test_a_text_that_is_kept_as_the_beginning_of_the_next_is_not_unfolded(tmp_path: Path) -> None:
    table = pa.table({"model": [TEXT] * 1_500, "alpha": np.ones(1_500)})
    how = {"model": "DELTA_BYTE_ARRAY", "alpha": "PLAIN"}
    file = tmp_path / "t.parquet"
    parquet(file, table, use_dictionary=False, column_encoding=how)
    with pytest.raises(SourceError, match="unfolds to more than 268,435,456 bytes"):
        imported(file)


def test_lists_are_not_read_and_are_told(tmp_path: Path) -> None:
    many = pa.ListArray.from_arrays([0, 10_000_000], np.zeros(10_000_000, np.int8))
    table = pa.table({"model": ["a"], "odd": many, "alpha": [1.5], "tags": [{"a": 1}]})
    found = imported(parquet(tmp_path / "t.parquet", table))
    assert found.models[0].averages["alpha"] == 1.5
    assert found.ignored == ("odd", "tags")


def test_what_pandas_notes_of_an_index_is_not_believed(tmp_path: Path) -> None:
    told = b'{"index_columns":[{"kind":"range","start":0,"stop":1000000000000,"step":1}],'
    told += b'"columns":[{"name":"alpha","numpy_type":"eval"}],"column_indexes":5}'
    table = pa.table({"model": ["a"], "alpha": [1.5]}).replace_schema_metadata({b"pandas": told})
    assert len(imported(parquet(tmp_path / "t.parquet", table)).models) == 1


def test_a_table_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "model": pd.Categorical(["a", "b", None]),
            "alpha": [1.5, np.nan, 3],
            "date": pd.to_datetime(["2020-01-01", None, "2021-02-03"]),
            "text": ["x", None, "ß"],
            "exact": [Decimal("1.50"), None, Decimal("2.25")],
            "whole": pd.array([1, None, 2**60], "Int64"),
        }
    )
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    mine, theirs = flat_table(buffer, "t").to_pandas(), pd.read_parquet(buffer)
    assert list(mine.columns) == list(theirs.columns)
    for name in set(mine.columns) - {"whole"}:
        pd.testing.assert_series_equal(
            mine[name].astype(object), theirs[name].astype(object), check_dtype=False
        )


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    arrays = [pa.array(["a"]), pa.array([1.5]), pa.array([2.5])]
    file = tmp_path / "t.parquet"
    parquet(file, pa.Table.from_arrays(arrays, ["model", "alpha", "alpha "]))
    with pytest.raises(SourceError, match="two columns are called 'alpha'"):
        imported(file)
    file.with_suffix(".csv").write_text("model,alpha, alpha\na,1,2\n")
    with pytest.raises(SourceError, match="two columns are called 'alpha'"):
        imported(file.with_suffix(".csv"))


@pytest.mark.parametrize(
    "text",
    [
        "model,alpha" + "," * 300_000,
        '\n"\n",model' + "," * 300_000,
        "model,alpha\na,1" + ",1" * 10**5,
    ],
    ids=["first line", "second line", "row"],
)
def test_a_table_of_very_many_columns_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text + "\n")
    with pytest.raises(SourceError, match="more than 10,000 columns"):
        imported(tmp_path / "t.csv")
    table = pa.table({f"c{i}": [1.0] for i in range(10_001)})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="more than 10,000 columns"):
        imported(tmp_path / "t.parquet")


def test_a_row_of_more_cells_than_columns_is_refused(tmp_path: Path) -> None:
    """pandas would take the models to be names of rows, and the numbers to be models."""
    (tmp_path / "t.csv").write_text("model,alpha\na,1.5,\nb,2.5,\n")
    with pytest.raises(SourceError, match="row 1 has 3 cells, and the header names 2"):
        imported(tmp_path / "t.csv")


def test_a_table_without_rows_is_said_to_have_none(tmp_path: Path) -> None:
    for columns in (
        {"model": pa.array([], pa.string())},
        {"model": pa.array([], pa.list_(pa.int8()))},
    ):
        pq.ParquetWriter(tmp_path / "t.parquet", pa.table(columns).schema).close()
        with pytest.raises(SourceError, match="no rows"):
            imported(tmp_path / "t.parquet")
