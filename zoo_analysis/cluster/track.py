"""`zoo track`: a look at every watch, recorded and, if asked for, scanned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa

from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.scan import scan as scan_models
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import Problem, Resolved
from zoo_analysis.sources.watch import Known, Release, load_watches, look
from zoo_analysis.spectra.methods import Method, Preset
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.schemas import RELEASES

_KNOWN = """
SELECT repo_id, revision, event FROM releases WHERE watch = $watch ORDER BY seen_at, event DESC
"""

_VERDICTS = """
SELECT repo_id, revision, looks_random FROM summaries
WHERE method = $method AND looks_random IS NOT NULL AND repo_id IN (SELECT unnest($models))
"""


class Look(NamedTuple):
    """One look at the watches of a file.

    Attributes:
        releases: what was seen for the first time.
        scanned: the account of their scan; None where nothing was to be scanned.
        problems: what could not be looked at, or is no model.
        random: by (repo_id, revision), whether a model that was scanned looks random
            (docs/methods.md).
    """

    releases: tuple[Release, ...]
    scanned: Summary | None
    problems: tuple[Problem, ...] = ()
    random: Mapping[tuple[str, str | None], bool] = MappingProxyType({})

    def table(self) -> pa.Table:
        """A row a release: its watch, event, repo_id and revision, and whether it looks random.

        Of several models of a repository one is enough; null where none was scanned.
        """
        table = _table(self.releases).select(["watch", "event", "repo_id", "revision"])
        verdicts = [
            [
                self.random[key]
                for ref in release.refs
                if (key := (ref.repo_id, ref.revision)) in self.random
            ]
            for release in self.releases
        ]
        looks = [any(told) if told else None for told in verdicts]
        return table.append_column("looks_random", pa.array(looks, pa.bool_()))


def track(
    file: str | Path,
    store: Store | str | Path | None = None,
    *,
    since: datetime | None = None,
    complete: bool = False,
    scan: Method | Preset | None = None,
    address: str | None = None,
    access: HubAccess | None = None,
    cache_size: int | None = None,
) -> Look:
    """Look at the watches of a file and record what is new.

    New revisions are scanned before they are recorded: a look that dies is simply taken again.

    Args:
        file: TOML, of watches.
        store: a store, or what `open_store` takes, for releases and models.
        since: leave out what was changed last before this.
        complete: list everything, to see also what has vanished.
        scan: by this method, or that of a preset's name; None scans nothing.
        address: of a Ray cluster.
        access: how to reach the hub; None is `hub.access.default_access`.
        cache_size: bytes on each node for weights that cannot be streamed; None is what `access`
            says.

    Returns:
        The releases seen, the scan's account, what could not be looked at, and what looks random.

    Raises:
        SourceError: a file that is no file of watches, or a hub that does not answer.
        StoreError: a store that cannot be written.
        ZooError: no cluster.
    """
    store = as_store(store)
    found: list[Release] = []
    problems: list[Problem] = []
    for watch in load_watches(Path(file)):
        before = known(store, watch.name)
        found += look(watch, before, since, complete, access, problems.append)
    refs = {(ref.repo_id, ref.revision): ref for release in found for ref in release.refs}
    summary, random = None, {}
    if scan and refs:
        new = Resolved(tuple(refs.values()), ())
        summary = scan_models(
            new, store, scan, address=address, access=access, cache_size=cache_size
        )
        asked = {"method": summary.method, "models": sorted({ref.repo_id for ref in new.refs})}
        random = {
            (row["repo_id"], row["revision"]): row["looks_random"]
            for row in store.run(_VERDICTS, asked).to_pylist()
        }
    # As seen now; what is there already the view shows once.
    store.append("releases", _table(found))
    return Look(tuple(found), summary, tuple(problems), random)


def known(store: Store, watch: str) -> dict[str, Known]:
    """Repositories that earlier looks of a watch have seen, by repo_id."""
    out: dict[str, Known] = {}
    if not store.exists():
        return out
    for row in store.run(_KNOWN, {"watch": watch}).to_pylist():
        before = out.get(row["repo_id"], Known())
        if row["event"] in ("new", "revision"):
            before = replace(before, revisions=(*before.revisions, row["revision"]), gone=False)
        elif row["event"] in ("gone", "renamed"):
            before = replace(before, gone=True)
        else:
            before = replace(before, gated=True)
        out[row["repo_id"]] = before
    return out


def _table(releases: Sequence[Release]) -> pa.Table:
    return pa.Table.from_pylist([vars(release) for release in releases], schema=RELEASES)
