"""Results of tasks as bytes: tables in them as streams of Arrow, which are read in no time.

A table is pickled array by array, and one of fifty models has some thousands of them.
"""

import io
import pickle
import sys
from typing import Any


def pickled(result: object) -> bytes:
    """A result as `pickle.loads` takes it.

    Args:
        result: of a task.
    """
    sink = io.BytesIO()
    _Pickler(sink, protocol=5).dump(result)
    return sink.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        arrow = sys.modules.get("pyarrow")  # where it was never imported nothing is a table
        if arrow is None or not isinstance(value, arrow.Table):
            return NotImplemented
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, value.schema) as stream:
            stream.write_table(value.combine_chunks())
        return _table, (sink.getvalue().to_pybytes(),)


def _table(stream: bytes) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(stream).read_all()
