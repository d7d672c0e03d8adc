"""Parquet tables of strangers: what their few bytes may unfold to."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

#: Cells of a Parquet file, bytes for each of its own that they may take, columns of any table.
_MOST_CELLS: Final = 20_000_000
_DENSEST: Final = 20
MOST_COLUMNS: Final = 10_000
#: Bytes of a table in memory, and of rows that are read at a time.
_MOST_BYTES: Final = 1 << 28
_AT_ONCE: Final = 1 << 26
_TEXTS: Final = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


def flat_table(
    content: io.BytesIO, place: object, columns: Sequence[str] | None = None
) -> "pa.Table":
    """The table of a Parquet file, read until it is too much; lists, maps and records are null.

    A text that is stored once, or the beginning that texts share, is as long again in every row.

    Args:
        content: of the file.
        place: it came from, for errors.
        columns: those that are read; None is all.

    Raises:
        SourceError: more than a table of metrics or accuracies has.
        pyarrow.ArrowException: it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(content)
    _refuse_dense(file.metadata, len(content.getvalue()), place)
    fields = [field for field in file.schema_arrow if columns is None or field.name in columns]
    plain = [field.name for field in fields if not pa.types.is_nested(field.type)]
    batches, nbytes = [], 0
    schema = pa.schema([_decoded(field) for field in fields if field.name in plain])
    rows = _rows_at_once(file.metadata)
    # pyarrow 18 does not iterate over no groups.
    for batch in file.iter_batches(rows, columns=plain) if file.num_row_groups else ():
        # Without what pandas notes of its index, which can be a name, or of any length.
        batch = batch.replace_schema_metadata(None).cast(schema)
        nbytes += batch.nbytes
        if nbytes > _MOST_BYTES:
            raise SourceError(f"{place}: unfolds to more than {_MOST_BYTES:,} bytes; shorten texts")
        batches.append(batch)
    table = pa.Table.from_batches(batches, schema)
    nulls = pa.nulls(len(table))
    for i, field in enumerate(fields):
        if pa.types.is_nested(field.type):
            table = table.add_column(i, field.name, nulls)
    return table


def _decoded(field: "pa.Field") -> "pa.Field":
    """A column whose values are in it, and not in a dictionary."""
    import pyarrow as pa

    coded = pa.types.is_dictionary(field.type)
    return pa.field(field.name, field.type.value_type if coded else field.type)


def _refuse_dense(about: "pq.FileMetaData", size: int, place: object) -> None:
    """Refuse what says itself that it unfolds to too much."""
    if (cells := about.num_rows * about.num_columns) > _MOST_CELLS:
        raise SourceError(f"{place}: {cells:,} cells, more than {_MOST_CELLS:,}; split the table")
    if about.num_columns > MOST_COLUMNS:
        raise SourceError(f"{place}: more than {MOST_COLUMNS:,} columns; leave some out")
    nbytes = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if nbytes > _DENSEST * max(size, 2**20):
        raise SourceError(f"{place}: unfolds to {nbytes:,} bytes; write it less compressed")


def _rows_at_once(about: "pq.FileMetaData") -> int:
    """Rows that are read at a time, were each text as long as all that its column holds."""
    texts = [i for i in range(about.num_columns) if about.schema.column(i).physical_type in _TEXTS]
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    held = [sum(group.column(i).total_uncompressed_size for i in texts) for group in groups]
    longest: int = max([1, *held])
    return max(1, min(1 << 16, _AT_ONCE // longest))
