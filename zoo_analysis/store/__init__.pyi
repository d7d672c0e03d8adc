from .model_rows import ModelRows
from .named_queries import (
    NamedQuery,
    Param,
    get_query,
    list_queries,
    named_by_user,
    query_problems,
)
from .store import Store, as_store, open_store
from .views import average

__all__ = [
    "ModelRows",
    "NamedQuery",
    "Param",
    "Store",
    "as_store",
    "average",
    "get_query",
    "list_queries",
    "named_by_user",
    "open_store",
    "query_problems",
]
