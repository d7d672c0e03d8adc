"""Quality metrics from the weights of whole model zoos.

What the command line can do is a function here, which returns a table or a dataclass:

- models measured: `analyze` (one, in this process), `plan` and `scan` (a zoo, on Ray),
  `import_tables`, `demo`;
- runs watched: `status`, and what failed of them done again: `retry`;
- models compared: `correlate`, `similar`, `matrix`, `measures`;
- the store asked: `query`, `queries`, `show`, `regress`, `rank`, `compare`, `diagnose`;
- releases and reported accuracies: `track`, `releases`, `sync_accuracies`, `accuracies_reported`,
  `accuracy_sources`;
- catalogues: `list_catalogues`, `catalogue_members`, `add_to_catalogue`, `copy_catalogue`;
- published experiments: `study`, `list_studies`;
- the store looked after: `open_store`, `store_history`, `compact_store`, `vacuum_store`,
  `check_store`.

`method` names how the numbers are made. Each is imported when it is first used: torch and Ray take
seconds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
