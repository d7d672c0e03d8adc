"""Parquet tables of strangers: what their few bytes may unfold to."""

import io
from typing import Final

from zoo_analysis.errors import SourceError

#: Cells of a Parquet file, and bytes for each of its own that they may take.
_MOST_CELLS: Final = 20_000_000
_DENSEST: Final = 20


def refuse_dense(content: io.BytesIO, place: object) -> None:
    """Refuse a few bytes that unfold to more than a table of metrics or accuracies has.

    Args:
        content: of the file, which is left at its beginning.
        place: it came from, for errors.

    Raises:
        SourceError: it does.
        pyarrow.ArrowException: it is no Parquet file.
    """
    import pyarrow.parquet as pq

    about = pq.read_metadata(content)
    if (cells := about.num_rows * about.num_columns) > _MOST_CELLS:
        raise SourceError(f"{place}: {cells:,} cells, more than {_MOST_CELLS:,}; split the table")
    nbytes = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if nbytes > _DENSEST * max(len(content.getvalue()), 2**20):
        raise SourceError(f"{place}: unfolds to {nbytes:,} bytes; write it less compressed")
    content.seek(0)
