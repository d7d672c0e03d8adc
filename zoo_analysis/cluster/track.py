"""`zoo track`: a look at every watch, recorded and, if asked for, scanned, predicted and told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa

from zoo_analysis.answers.prediction.predict import Prediction, predict, told_of_too_few
from zoo_analysis.answers.prediction.release_words import told_of_prediction
from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.scan import scan as scan_models
from zoo_analysis.errors import QueryError, ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.notice import check_url, command_words, give, notice, post, secret
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
        predictions: accuracies of models that were scanned, made without what is reported of them.
        not_predicted: why none is predicted; None where some are, or nothing was scanned.
    """

    releases: tuple[Release, ...]
    scanned: Summary | None
    problems: tuple[Problem, ...] = ()
    random: Mapping[tuple[str, str | None], bool] = MappingProxyType({})
    predictions: tuple[Prediction, ...] = ()
    not_predicted: str | None = None

    def table(self) -> pa.Table:
        """A row a release: watch, event, repo_id, revision, whether it looks random, predictions.

        Of several models of a repository one is enough to look random; null where none was scanned.
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
        table = table.append_column("looks_random", pa.array(looks, pa.bool_()))
        words = ["; ".join(self._words(release)) or None for release in self.releases]
        return table.append_column("prediction", pa.array(words, pa.string()))

    def news(self) -> list[dict[str, Any]]:
        """The releases in plain values, each with its predictions."""
        rows = self.table().to_pylist()
        return [
            row | {"predictions": [vars(each) for each in self._predicted(release)]}
            for row, release in zip(rows, self.releases, strict=True)
        ]

    def _predicted(self, release: Release) -> list[Prediction]:
        models = {(ref.repo_id, ref.revision) for ref in release.refs}
        return [row for row in self.predictions if (row.repo_id, row.revision) in models]

    def _words(self, release: Release) -> list[str]:
        """Predictions of its models, in words, each behind its model's part and its data set."""
        return [
            f"{row.repo_id.removeprefix(release.repo_id)} {row.dataset}: ".lstrip()
            + told_of_prediction(row)
            for row in self._predicted(release)
        ]


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
    notify: str | None = None,
    command: str | None = None,
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
        notify: URL to post the news to as JSON, signed by the secret of the environment
            (`hub.notice`); nothing is sent where nothing is new.
        command: a program with its arguments that gets the same on its standard input.

    Returns:
        The releases seen, the scan's account, what could not be looked at or told, what looks
        random, and what accuracy is predicted of what was scanned.

    Raises:
        SourceError: a file that is no file of watches, or a hub that does not answer.
        StoreError: a store that cannot be written.
        ZooError: no cluster; or a URL, secret or command that is none.
    """
    if notify is not None:
        check_url(notify)
        secret()
    if command is not None:
        command_words(command)
    store = as_store(store)
    found: list[Release] = []
    problems: list[Problem] = []
    for watch in load_watches(Path(file)):
        before = known(store, watch.name)
        found += look(watch, before, since, complete, access, problems.append)
    refs = {(ref.repo_id, ref.revision): ref for release in found for ref in release.refs}
    summary, random = None, {}
    predictions: tuple[Prediction, ...] = ()
    why: str | None = None
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
        predictions, why = _predictions(store, asked["models"], summary.method)
    # As seen now; what is there already the view shows once.
    store.append("releases", _table(found))
    seen = Look(tuple(found), summary, tuple(problems), random, predictions, why)
    return seen._replace(problems=(*problems, *_told(seen, notify, command)))


def _predictions(
    store: Store, models: Sequence[str], method: str
) -> tuple[tuple[Prediction, ...], str | None]:
    """Predictions of models that were scanned; or why there are none."""
    measured = sorted({repo_id for repo_id, *_ in store.committed(models, method)})
    if not measured:
        return (), "none of the new models was measured"
    try:
        found = predict(store, measured, method=method)
        return found.rows, None if found.rows else told_of_too_few(found.too_few)
    except QueryError as error:
        return (), str(error)


def _told(seen: Look, notify: str | None, command: str | None) -> list[Problem]:
    """Tell the news to whom the user names; what does not reach them is a problem."""
    if not seen.releases or (notify is None and command is None):
        return []
    body, problems = notice(seen.news()), []
    for tell, whom in ((post, notify), (give, command)):
        try:
            if whom is not None:
                tell(whom, body)
        except ZooError as error:
            problems.append(Problem("the news", type(error).__name__, str(error), stage="notify"))
    return problems


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
