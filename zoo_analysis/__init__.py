"""Quality metrics from the weights of whole model zoos.

What the command line can do is a function here, which returns a table or a dataclass:

- models measured: `analyze` and `summary` (one, in this process), `plan` and `scan` (a zoo, on
  Ray), `calibrate` (the machines, for plans), `scale` (scans of whole hubs, replayed),
  `import_tables`, `demo`;
- runs watched: `status`, and what failed of them done again: `retry`;
- models compared: `correlate`, `similar`, `matrix`, `measures`; what a model changed of its base,
  and which came from which: `delta`, `lineage`;
- the store asked: `query`, `queries`, `show`, `regress`, `predict`, `rank`, `compare`, `diagnose`;
- what it holds, looked at: `figures`, a function each, and `build_report`, a folder of pages;
- releases and reported accuracies: `track`, `releases`, `sync_accuracies`, `accuracies_reported`,
  `accuracy_sources`;
- catalogues: `list_catalogues`, `catalogue_members`, `add_to_catalogue`, `copy_catalogue`,
  `osmr_catalogue`;
- series of stored models: `list_series`, `set_series`;
- published experiments: `study`, `list_studies`;
- the store looked after: `open_store`, `schema`, `store_history`, `compact_store`, `vacuum_store`,
  `check_store`, `migrate_store`.

`method` names how the numbers are made. Each is imported when it is first used: torch and Ray take
seconds.
"""

from typing import Any

import lazy_loader

_lazy, _names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("zoo-analysis")
    return _lazy(name)


def __dir__() -> list[str]:
    return [*_names(), "__version__"]
