"""Rows of a comparison of lineages on their way into the store, while it goes on and at its end."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import pyarrow as pa

from zoo_analysis.cluster.comparing.lineage_work import LineageWork
from zoo_analysis.errors import StoreError
from zoo_analysis.store import Store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow
from zoo_analysis.store.runs import made_by
from zoo_analysis.store.schemas import LINEAGE

#: Seconds between two commits of what was computed.
_SECONDS: Final = 30.0


class LineageRows:
    """The rows that the table `lineage` gets of a run, none of which it has already.

    Pairs are committed as they come, before they are judged, so that a run that breaks off leaves
    what it computed for the next one; what is told of all pairs together follows at the end.

    Args:
        store: where to.
        run_id: of the run.
        work: the run's pairs; those that the store had come first.

    Attributes:
        added: rows that were added so far.
    """

    def __init__(self, store: Store, run_id: str, work: LineageWork) -> None:
        self._store, self._run_id, self._work = store, run_id, work
        self._pairs, self._at = work.known, time.monotonic()  # pairs whose rows the store has
        self._had = {row for of in islice(work.rows.values(), work.known) for row in of}
        self.added = 0

    def commit_if_due(self) -> None:
        """Commit what was computed where that was done long ago; if it fails, try again later."""
        if time.monotonic() - self._at > _SECONDS:
            with suppress(StoreError):  # at the end it is tried again, and told
                self.commit_computed()
            self._at = time.monotonic()

    def commit_computed(self) -> None:
        """Commit the rows of pairs that were computed since the last time.

        Raises:
            StoreError: the store cannot be written.
        """
        pairs = len(self._work.rows)
        self.commit(
            [row for of in islice(self._work.rows.values(), self._pairs, None) for row in of]
        )
        self._pairs = pairs

    def commit(self, rows: Sequence[KinshipRow]) -> pa.Table:
        """Commit rows, less those that the store has; returns them all as the table has them.

        Args:
            rows: of pairs.

        Raises:
            StoreError: the store cannot be written.
        """
        now = {"run_id": self._run_id, "computed_at": datetime.now(UTC)}
        table = made_by(table_of(KinshipRow, rows), LINEAGE, **now)
        new = table.filter(pa.array([row not in self._had for row in rows], pa.bool_()))
        if len(new):
            self._store.append("lineage", new)
            self._had.update(rows)
            self.added += len(new)
        return table
