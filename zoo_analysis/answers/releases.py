"""Releases seen on the watches."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa

from zoo_analysis.answers.names import check
from zoo_analysis.store import Store, as_store

_RELEASES = """
SELECT r.watch, r.event, r.repo_id, r.revision, r.seen_at,
    EXISTS (FROM commits c WHERE c.repo_id = r.repo_id AND c.revision = r.revision) AS scanned,
    v.looks_random
FROM releases r
LEFT JOIN (
    SELECT repo_id, revision, bool_or(looks_random) AS looks_random FROM summaries GROUP BY ALL
) v USING (repo_id, revision)
WHERE ($since IS NULL OR r.seen_at >= $since) AND ($watch IS NULL OR r.watch = $watch)
ORDER BY r.seen_at DESC, r.watch, r.repo_id, r.event
"""


def releases(
    store: Store | str | Path | None = None,
    since: datetime | None = None,
    watch: str | None = None,
) -> pa.Table:
    """Releases seen on the watches, the latest first.

    Args:
        store: a store, or what `open_store` takes.
        since: only what was seen from this time on.
        watch: only on this watch.

    Returns:
        watch, event (new, revision, gone, gated or renamed), repo_id, revision, seen_at, whether
        that revision was scanned, and whether it looks random (docs/methods.md).

    Raises:
        QueryError: the store has seen nothing on such a watch.
        StoreError: there is no store.
    """
    store = as_store(store)
    if watch is not None:
        seen = store.run("SELECT DISTINCT watch FROM releases ORDER BY ALL")["watch"].to_pylist()
        check(watch, seen, "watch")
    return store.run(_RELEASES, {"since": since, "watch": watch})
