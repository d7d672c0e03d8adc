"""The pages on runs: releases as they were seen, failures by cause, methods and versions."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from zoo_analysis.answers.defaults import REPORT_TITLE
from zoo_analysis.answers.operation.store_upkeep import store_history
from zoo_analysis.answers.releases import releases
from zoo_analysis.report.figures.coverage_chart import coverage
from zoo_analysis.report.figures.release_chart import releases as release_chart
from zoo_analysis.report.page.cell_texts import called, link, shown_number
from zoo_analysis.report.page.markup import Column, Crumbs, page
from zoo_analysis.report.page.picture import Picture
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store import Store, get_query

#: Rows of releases and of failures that are listed, the latest.
_LISTED: Final = 500
_METHODS: Final = """
SELECT method, count(DISTINCT repo_id) AS models, count(*) AS commits,
    min(committed_at) AS first, max(committed_at) AS last
FROM commits GROUP BY method ORDER BY last DESC
"""
#: Of each method the scan that wrote numbers of it last; one with --blocks writes of two methods.
_SCANS: Final = """
SELECT coalesce(c.method, s.method) AS method, s.config, s.versions
FROM scans s LEFT JOIN (SELECT DISTINCT scan_id, method FROM commits) c USING (scan_id)
QUALIFY row_number() OVER (
    PARTITION BY coalesce(c.method, s.method) ORDER BY s.started_at DESC
) = 1
"""
#: Settings of a scan that do not say how numbers were made: what it was of, or places of a machine.
_NOT_TOLD: Final = (
    *("of", "deltas", "blocks"),
    "sources",
    "downloads",
    "cache_size",
    "model_seconds",
    "model_memory",
    "retry_of",
)


#: Commits of a table, as Delta calls them.
_CHANGES: Final = {
    "WRITE": "rows were added to",
    "CREATE TABLE": "it began with",
    "DELETE": "rows were removed from",
    "OPTIMIZE": "small files were merged in",
    "VACUUM START": "old files were removed from",
    "VACUUM END": "old files were removed from",
}
_RELEASES: Final = (
    Column("Model"),
    *(Column(name) for name in ("Event", "Watch", "Seen (UTC)", "Revision")),
    *(Column(name) for name in ("Scanned", "Looks random")),
)
_CAUSES: Final = (
    Column("Error"),
    Column("Stage"),
    *(Column(name, right=True) for name in ("Models", "Failures", "Attempts", "Scanned since")),
    Column("Latest message", prose=True),
)
_FAILURES: Final = (
    Column("Model"),
    *(Column(name) for name in ("When (UTC)", "Stage", "Error", "Scanned since")),
    Column("Message", prose=True),
)
_METHOD: Final = (
    Column("Method"),
    Column("Models", right=True),
    *(Column(name) for name in ("First commit", "Last commit")),
    Column("Settings of its last scan", prose=True),
)
_DEFINED: Final = (Column("Metric"), Column("What it is", prose=True), Column("Averaged"))
#: Tables that a report reads.
_READ: Final = (
    *("models", "layers", "accuracies", "similarities", "lineage", "predictions", "releases"),
    "failures",
)


def release_files(
    store: Store, site: Crumbs, where: str | None
) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of the page of releases.

    Args:
        store: that is asked.
        site: of the report.
        where: the condition on its models: of others no release is listed.
    """
    rows = releases(store).to_pylist()
    if where is not None:
        rows = [row for row in rows if row["repo_id"] in site.models]
    picture = None
    if rows and where is None:
        statements = [
            get_query("releases-per-week").sql,
            "FROM releases ORDER BY seen_at DESC",
            "zoo query releases-against-series",
        ]
        picture = Picture.of(release_chart(store), "figures/releases.png", statements)
        yield picture.address, picture.png
    yield (
        "releases.html",
        page(
            "releases",
            "releases.html",
            site,
            columns=_RELEASES,
            rows=[_release(row, site) for row in rows[:_LISTED]],
            count=len(rows),
            picture=picture,
            some=where is not None,
        ),
    )


def failure_files(
    store: Store, site: Crumbs, where: str | None
) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of the page of failures.

    Args:
        store: that is asked.
        site: of the report.
        where: the condition on its models; a model that failed has nothing that one can hold of.
    """
    causes = store.run("failure-causes").to_pylist()
    latest = store.run("failures", {"limit": _LISTED}).to_pylist()
    statements = [get_query("coverage").sql, get_query("failure-causes").sql]
    if picture := Picture.of_all(coverage, store, where, "figures/coverage.png", statements):
        yield picture.address, picture.png
    yield (
        "failures.html",
        page(
            "failures",
            "failures.html",
            site,
            cause_columns=_CAUSES,
            causes=[_cause(row) for row in causes],
            columns=_FAILURES,
            rows=[_failure(row, site) for row in latest],
            picture=picture,
            some=where is not None,
            statements=[get_query("failure-causes").sql, "zoo query failures"],
        ),
    )


def method_files(
    store: Store, site: Crumbs, where: str | None, folder: str
) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of the page on methods, versions and the command.

    Args:
        store: that is asked.
        site: of the report.
        where: the condition on its models.
        folder: of the report, as the command names it.
    """
    commits = store_history(store, 1).to_pylist()
    told = {row["method"]: row for row in store.run(_SCANS).to_pylist()}
    methods = [
        [
            row["method"],
            shown_number(row["models"]),
            *(f"{row[name]:%Y-%m-%d}" for name in ("first", "last")),
            _settings(told.get(row["method"])),
        ]
        for row in store.run(_METHODS).to_pylist()
    ]
    words = ["zoo", "report", "-o", folder]
    words += ["--title", site.title] if site.title != REPORT_TITLE else []
    words += ["--where", where] if where is not None else []
    words += ["--store", re.sub(r"//[^/@]*@", "//", store.uri)]
    yield (
        "method.html",
        page(
            "method",
            "method.html",
            site,
            command=shlex.join(words),
            last=commits[-1],
            last_told=_change(commits[-1]),
            table_columns=(Column("Table"), Column("Delta version", right=True)),
            tables=[each.rsplit(" ", 1) for each in store.version_of(*_READ).split(", ")],
            method_columns=_METHOD,
            methods=methods,
            version_columns=(Column("Package"), Column("Version")),
            versions=_versions(told),
            columns=_DEFINED,
            metrics=[
                [name, each.meaning.replace("`", ""), shown_number(bool(each.averaged))]
                for name, each in METRICS.items()
            ],
        ),
    )


def _change(commit: Mapping[str, Any]) -> str:
    """What the last commit did, in words."""
    name = commit["operation"]
    done = _CHANGES.get(name, f"{name.lower()} of")
    return f"{done} {commit['table']}, {commit['time']:%Y-%m-%d %H:%M} UTC"


def _release(row: Mapping[str, Any], site: Crumbs) -> list[Any]:
    return [
        link(site.models.get(row["repo_id"]), row["repo_id"]),
        row["event"],
        called(row["watch"]),
        f"{row['seen_at']:%Y-%m-%d %H:%M}",
        called(row["revision"] or ""),
        *(shown_number(row[name]) for name in ("scanned", "looks_random")),
    ]


def _cause(row: Mapping[str, Any]) -> list[Any]:
    counts = ("models", "failures", "attempts", "scanned_since")
    numbers = (shown_number(row[name]) for name in counts)
    return [row["error"], row["stage"], *numbers, row["latest_message"]]


def _failure(row: Mapping[str, Any], site: Crumbs) -> list[Any]:
    return [
        link(site.models.get(row["repo_id"]), row["repo_id"]),
        f"{row['failed_at']:%Y-%m-%d %H:%M}",
        row["stage"],
        row["error"],
        shown_number(row["scanned_since"]),
        row["message"],
    ]


def _settings(scan: Mapping[str, Any] | None) -> str:
    settings = _read(scan, "config")
    return ", ".join(
        f"{name} {value}"
        for name, value in settings.items()
        if value is not None and name not in _NOT_TOLD
    )


def _versions(scans: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for scan in scans.values():
        for name, version in _read(scan, "versions").items():
            if (version := str(version)) not in found.setdefault(name, []):
                found[name].append(version)
    return [[name, ", ".join(each)] for name, each in sorted(found.items())]


def _read(scan: Mapping[str, Any] | None, column: str) -> dict[str, Any]:
    told = json.loads((scan or {}).get(column) or "{}")
    return told if isinstance(told, dict) else {}
