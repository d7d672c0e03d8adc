"""The report of a store: every page of it, in a folder."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path
from typing import Final

from zoo_analysis.answers.defaults import REPORT_FOLDER, REPORT_TITLE
from zoo_analysis.answers.points import models_where
from zoo_analysis.answers.portraits import Portrait, portraits
from zoo_analysis.errors import QueryError
from zoo_analysis.report.page.leaderboard_page import Board, leaderboard_files
from zoo_analysis.report.page.lineage_page import Lineages, lineage_files
from zoo_analysis.report.page.markup import Crumbs, asset
from zoo_analysis.report.page.model_data import eigenvalues, spectra_data
from zoo_analysis.report.page.model_pages import (
    address_of,
    model_files,
    shown_layers,
    spectra_files,
)
from zoo_analysis.report.page.predictions_page import Forecasts, prediction_files
from zoo_analysis.report.page.run_pages import failure_files, method_files, release_files
from zoo_analysis.report.page.series_pages import series_address, series_files
from zoo_analysis.report.page.series_regressions import Regressions
from zoo_analysis.report.page.similarity_page import similarity_files
from zoo_analysis.report.page.site_folder import SiteFolder
from zoo_analysis.store import Store, as_store

_PARTS: Final = (
    ("index.html", "Leaderboard"),
    ("series.html", "Series"),
    ("similarities.html", "Similarities"),
    ("lineage.html", "Lineage"),
    ("predictions.html", "Predictions"),
    ("releases.html", "Releases"),
    ("failures.html", "Failures"),
    ("method.html", "Method"),
)
_ASSETS: Final = ("page.css", "page.js", "draw.js", "leaderboard.js", "model.js", "series.js")
_MODELS: Final = "SELECT DISTINCT repo_id FROM commits ORDER BY repo_id"
_SERIES: Final = """
SELECT DISTINCT m.series FROM models m JOIN latest USING (repo_id, revision)
WHERE m.series IS NOT NULL AND repo_id IN (SELECT unnest($models)) ORDER BY ALL
"""


@dataclass(frozen=True)
class BuiltReport:
    """The account of a report.

    Attributes:
        folder: that it lies in.
        index: the file to open.
        models: with a page.
        written, unchanged, removed: files.
        bytes: of all files.
        seconds: that it took.
    """

    folder: str
    index: str
    models: int
    written: int
    unchanged: int
    removed: int
    bytes: int
    seconds: float


def build_report(
    store: Store | str | Path | None = None,
    folder: str | Path = REPORT_FOLDER,
    *,
    where: str | None = None,
    title: str = REPORT_TITLE,
    on_models: Callable[[int, int], None] = lambda done, models: None,
) -> BuiltReport:
    """A folder of static pages of a store: leaderboard, series, models, lineage, and more.

    It opens from disk, asks no network, and can be put on any web host. In the folder of an earlier
    report only what changed is written, and what is no more is removed.

    Args:
        store: a store, or what `open_store` takes.
        folder: new, empty, or of an earlier report.
        where: an SQL condition on models, as `Selection` takes it.
        title: of the report.
        on_models: told how many of how many models have their page.

    Raises:
        QueryError: no models, or a condition that DuckDB refuses.
        StoreError: there is no store.
        ZooError: a folder of something else, or one that cannot be written.
    """
    from importlib.metadata import version

    began, store = time.monotonic(), as_store(store)
    models = (
        models_where(store, where)
        if where is not None
        else store.run(_MODELS)["repo_id"].to_pylist()
    )
    if not models:
        raise QueryError("the store has no models: run `zoo scan` or `zoo import`")
    series = store.run(_SERIES, {"models": models})["series"].to_pylist()
    site = Crumbs(
        title,
        _PARTS,
        {name: address_of(name) for name in sorted(models)},
        {name: series_address(name) for name in series},
        version("zoo-analysis"),
    )
    with SiteFolder(folder) as files:
        for name in _ASSETS:
            files.write(f"assets/{name}", asset(name))
        for name, text in _overviews(store, site, where, str(folder)):
            files.write(name, text)
        on_models(0, len(models))
        done = 0
        for batch in portraits(store, models):
            for _ in _models(store, batch, site, files):
                on_models(done := done + 1, len(models))
            files.note()
    return BuiltReport(
        str(files.path),
        str(files.path / "index.html"),
        len(models),
        files.written,
        files.unchanged,
        files.removed,
        files.bytes,
        time.monotonic() - began,
    )


def _overviews(
    store: Store, site: Crumbs, where: str | None, folder: str
) -> Iterator[tuple[str, str | bytes]]:
    """All pages but those of models."""
    board = Board.ask(store, [*site.models], where)
    kin = Lineages.ask(store, site, where)
    forecasts = Forecasts.ask(store, site, where)
    further = (("lineage.html", kin.in_words), ("predictions.html", forecasts.in_words))
    yield from leaderboard_files(board, site, where, further)
    yield from series_files(board, Regressions.ask(store, where), site, where)
    yield from similarity_files(store, site)
    yield from lineage_files(kin, store, site, where)
    yield from prediction_files(forecasts, store, site, where)
    yield from release_files(store, site, where)
    yield from failure_files(store, site, where)
    yield from method_files(store, site, where, folder)


def _models(store: Store, batch: list[Portrait], site: Crumbs, files: SiteFolder) -> Iterator[str]:
    """Write the pages of some models, and name each; spectra drawn before are not read again."""
    keys = {portrait.report.repo_id: _key(portrait, site.version) for portrait in batch}
    new = [
        portrait.report.repo_id
        for portrait in batch
        if not files.keep(spectra_files(portrait), keys[portrait.report.repo_id])
    ]
    evals = eigenvalues(store, new) if new else {}
    for portrait in batch:
        name = portrait.report.repo_id
        layers = shown_layers(portrait)
        spectra = [*spectra_data(portrait, layers, evals)] if name in new else None
        drawn = {*spectra_files(portrait)}
        for file, text in model_files(portrait, site, spectra):
            files.write(file, text, keys[name] if file in drawn else None)
        yield name


def _key(portrait: Portrait, version: str) -> str:
    """All that the spectra of a model depend on: the commit of its numbers, and this package."""
    told = (*portrait.report.key.values(), portrait.report.averages["committed_at"], version)
    return blake2s(repr(told).encode(errors="replace"), digest_size=8).hexdigest()
