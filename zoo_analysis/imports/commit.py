"""Metric tables computed elsewhere, committed to a store."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo_analysis.errors import SourceError, StoreError
from zoo_analysis.imports.levels import LEVEL, Level
from zoo_analysis.imports.metric_tables import Imported, read_averages
from zoo_analysis.imports.weightwatcher import read_weightwatcher
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.model_rows import assemble
from zoo_analysis.store.runs import new_run_id, record_run
from zoo_analysis.texts import storable


@dataclass(frozen=True)
class ImportSummary:
    """The account of an import.

    Attributes:
        models: new in the store.
        known: there already, with these numbers.
        layers: of the new models; 0 where only averages were given.
        accuracies: read from the files, new or not.
        methods: of the models.
        ignored: columns that mean nothing here.
    """

    models: int
    known: int
    layers: int
    accuracies: int
    methods: tuple[str, ...]
    ignored: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def import_tables(
    store: Store | str | Path | None,
    files: Sequence[str | Path],
    *,
    weightwatcher: bool = False,
    mapping: Mapping[str, str] | None = None,
    series: str | None = None,
    dataset: str | None = None,
    method: str | None = None,
    level: Level = LEVEL,
) -> ImportSummary:
    """Models made of metric tables; all files are read before anything is written.

    Args:
        store: a store, or what `open_store` takes, to commit to.
        files: CSV or Parquet; of WeightWatcher's also printed summaries (``.txt``).
        weightwatcher: they are WeightWatcher's details or summaries, one model a file.
        mapping: column → name, where columns are not named like ours.
        series: of models that name none.
        dataset: of accuracies that name none.
        method: what made the numbers: the models' method is ``imported:METHOD``. By default
            ``weightwatcher``, or each file's name.
        level: of WeightWatcher's tables before 0.4, whose rows are read, layers or slices. Slices
            have a method of their own, ``…-slices``.

    Raises:
        SourceError: a file that cannot be read as what it should be.
        StoreError: the store cannot be written.
    """
    if not files:
        raise SourceError("no file to import")
    store = as_store(store)
    parts = []
    started = datetime.now(UTC)
    for path in map(Path, files):
        if weightwatcher:
            slices = "-slices" if level == "slice" else ""
            made_by = f"imported:{method or 'weightwatcher'}{slices}"
            parts.append(
                read_weightwatcher(path, made_by, mapping=mapping, series=series, level=level)
            )
        else:
            made_by = f"imported:{method or path.stem}"
            part = read_averages(path, made_by, mapping=mapping, series=series, dataset=dataset)
            parts.append(part)
    return _commit(store, parts, [str(file) for file in files], started)


def _commit(
    store: Store, parts: Sequence[Imported], files: Sequence[str], started: datetime
) -> ImportSummary:
    known = store.committed()
    everything = [rows for part in parts for rows in part.models]
    keys = [(str(r.model["repo_id"]), str(r.model["revision"]), r.method) for r in everything]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise SourceError(f"{twice[0]} is in two of the files: import one of them")
    new = [rows for rows, key in zip(everything, keys, strict=True) if key not in known]
    methods = tuple(sorted({rows.method for rows in everything}))
    run_id = new_run_id("import")
    for rows in new:  # before anything is written
        try:
            assemble([rows])
        except (StoreError, pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            what = f"{rows.model['repo_id']}: a value that the tables do not take: {error}"
            raise SourceError(storable(what)) from error
    accuracies = pa.concat_tables([part.accuracies for part in parts])
    if len(accuracies):
        store.append("accuracies", accuracies)
    store.commit_models(new, run_id)
    layers = sum(len(rows.layers) for rows in new)
    if new:
        run = {
            "scan_id": run_id,
            "method": ", ".join(methods),
            "scanned": len(new),
            "skipped": len(everything) - len(new),
            "failed": 0,
            "layers": layers,
        }
        record_run(store, started, {"import": list(files)}, run)
    return ImportSummary(
        models=len(new),
        known=len(everything) - len(new),
        layers=layers,
        accuracies=len(accuracies),
        methods=methods,
        ignored=tuple(sorted({name for part in parts for name in part.ignored})),
    )
