"""Delta tables of what was measured, and DuckDB over them.

`open_store(uri)` gives a `Store`: `commit_models` and `append` write, `sql` and `run` ask.
"""

from zoo_analysis.store.named import NamedQuery, Param, get_query, list_queries
from zoo_analysis.store.rows import ModelRows
from zoo_analysis.store.store import Store, open_store

__all__ = [
    "ModelRows",
    "NamedQuery",
    "Param",
    "Store",
    "get_query",
    "list_queries",
    "open_store",
]
