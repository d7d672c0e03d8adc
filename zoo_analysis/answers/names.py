"""Names of what a store holds."""

from collections.abc import Sequence
from typing import Final

from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import near, several, whole_or_part
from zoo_analysis.store import Store

NO_SIMILARITIES: Final = "the store holds no similarities: run `zoo correlate`"


def check(name: str, known: Sequence[str], what: str) -> None:
    """Raise a QueryError that suggests the nearest names, unless `name` is known."""
    if name not in known:
        raise QueryError(f"no {what} {name!r}; {near(name, known, there(known), most=2)}")


def the_one(name: str, known: Sequence[str], what: str) -> str:
    """The known name that this is, or is a part of.

    Raises:
        QueryError: it is none, which suggests the nearest; or several.
    """
    found = whole_or_part(name, known)
    if len(found) > 1:
        raise QueryError(several(name, found))
    if not found:
        check(name, known, what)
    return found[0]


def find_model(store: Store, name: str) -> str:
    """The repository id that `name` is, or is a part of.

    Raises:
        QueryError: none, or several.
    """
    known = store.run("SELECT DISTINCT repo_id FROM models")["repo_id"].to_pylist()
    if len(found := whole_or_part(name, known)) == 1:
        return found[0]
    if found:
        raise QueryError(several(name, found))
    hint = near(name, known, "zoo query models lists them", most=3)
    raise QueryError(f"no model {name!r} in the store; {hint}")


def there(known: Sequence[str]) -> str:
    """The hint that lists what there is."""
    return f"there are: {', '.join(known)}"
