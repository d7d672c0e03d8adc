"""Limits of a query: how long it may take, how much memory, and a place for what does not fit."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import QueryError
from zoo_analysis.texts import size_in_words

if TYPE_CHECKING:  # the command line takes its defaults from here
    import duckdb
    import pyarrow as pa

#: Seconds that a query may take unless told otherwise.
SECONDS: Final = 300.0
#: Bytes of memory for a query, and for its answer, unless told otherwise.
MEMORY: Final = 4 * 10**9
#: Bytes on disk for what does not fit into memory, in multiples of the memory.
_SPILLED: Final = 4
#: Rows of an answer that are fetched at a time.
_ROWS: Final = 65_536
#: Seconds between the interrupts of a query whose time is over, which come a hundred times.
_AGAIN: Final = 0.1

_numbers = count()


class _Interrupter(threading.Timer):
    """A timer that calls for ten seconds: DuckDB forgets what meets it between plan and work."""

    def run(self) -> None:
        for seconds in (self.interval, *repeat(_AGAIN, 100)):
            if self.finished.wait(seconds):
                return
            self.function()

    def cancel(self) -> None:
        """End it, and let go of the connection: this thread must not be the last that has it.

        Closing one in a thread that Python's end meets aborts the process.
        """
        super().cancel()
        self.function = bool


@dataclass(frozen=True)
class QueryLimits:
    """Bounds of a query: seconds, and bytes of memory for its work and for its answer."""

    seconds: float = SECONDS
    memory: int = MEMORY

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= threading.TIMEOUT_MAX:
            most = threading.TIMEOUT_MAX
            raise QueryError(
                f"a query's time is above 0 and at most {most:g} s, not {self.seconds:g}"
            )
        if self.memory <= 0:
            raise QueryError(f"a query's memory is above 0 bytes, not {self.memory}")

    @property
    def overdue(self) -> str:
        """The refusal of a query that takes too long."""
        return f"the query took longer than {self.seconds:g} s; ask for less, or give it more time"

    @property
    def too_large(self) -> str:
        """The refusal of a query that takes too much memory."""
        return (
            f"the query, or its answer, needs more than {size_in_words(self.memory)} of memory; "
            "ask for less, or give it more"
        )

    def settings(self) -> dict[str, str | bool | int | float | list[str]]:
        """Those of DuckDB that hold a connection to the limits."""
        return {
            "memory_limit": f"{self.memory}B",
            "max_temp_directory_size": f"{_SPILLED * self.memory}B",
            "temp_directory": str(_private_folder(os.getpid()) / str(next(_numbers))),
        }

    def ask(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        params: Mapping[str, object] | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """The answer to a query, which DuckDB computes when it is fetched.

        What `connection` does for it is interrupted when the time, counted from now, is over.

        Raises:
            QueryError: DuckDB refuses the query.
        """
        import duckdb

        timer = _Interrupter(self.seconds, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            answer = connection.sql(query, params=dict(params) if params else None)
        except duckdb.Error as error:
            timer.cancel()
            raise QueryError(self.explain(error)) from error
        weakref.finalize(answer, timer.cancel)  # relations made of it hold it
        return answer

    def fetch(self, answer: duckdb.DuckDBPyRelation) -> pa.Table:
        """The rows of an answer.

        Raises:
            QueryError: DuckDB refuses, or a limit is met.
        """
        import duckdb
        import pyarrow as pa

        batches, size = [], 0
        try:
            reader = (getattr(answer, "to_arrow_reader", None) or answer.fetch_arrow_reader)(_ROWS)
            for batch in reader:
                size += batch.nbytes
                if size > self.memory:
                    raise MemoryError
                batches.append(batch)
        except (duckdb.Error, pa.ArrowException, OSError, MemoryError) as error:
            raise QueryError(self.explain(error)) from error
        return pa.Table.from_batches(batches, reader.schema)

    def explain(self, error: BaseException) -> str:
        """An error of a query on one line; which limit it met, if it met one."""
        import duckdb

        from zoo_analysis.store.guard import explain

        if "INTERRUPT Error" in str(error):
            return self.overdue
        lacking = isinstance(error, duckdb.OutOfMemoryException | MemoryError)
        return self.too_large if lacking or "Out of Memory Error" in str(error) else explain(error)


#: Those of whoever names no others.
DEFAULT_LIMITS: Final = QueryLimits()


@cache
def _private_folder(process: int) -> Path:
    """A folder that only this user can enter, made when a connection is, gone with the process.

    DuckDB makes a folder in it for each connection that spills, under whatever the umask allows.
    """
    atexit.register(remove_spilled, process)
    return Path(tempfile.mkdtemp(prefix="zoo-duckdb-"))


def remove_spilled(process: int) -> None:
    """Remove what queries of this process put on disk; not where a fork of it ends."""
    if os.getpid() == process:
        shutil.rmtree(_private_folder(process), ignore_errors=True)
