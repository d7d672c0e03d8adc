"""Names of what a store holds."""

from collections.abc import Sequence
from typing import Final

from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import near, several, whole_or_part
from zoo_analysis.store import Store
from zoo_analysis.texts import few

# The last failure of each model that is, or ends in, this name, or has it as a part.
_FAILED = """
SELECT repo_id, stage, message, failed_at
FROM failures
WHERE contains(lower(repo_id), lower($name))
QUALIFY row_number() OVER (PARTITION BY repo_id ORDER BY failed_at DESC) = 1
ORDER BY lower(repo_id) <> lower($name), failed_at DESC
"""

#: Names that a hint lists.
_LISTED: Final = 12
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
    if told := why_unmeasured(store, name):
        raise QueryError(told)
    hint = near(name, known, "zoo query models lists them", most=3)
    raise QueryError(f"no model {name!r} in the store; {hint}")


def why_unmeasured(store: Store, name: str) -> str | None:
    """Why a model that a scan met is not in the store, in a sentence; None if none met it."""
    failed = store.run(_FAILED, {"name": name}).to_pylist()
    if not failed:
        return None
    last = failed[0]
    others = f" (and {len(failed) - 1} more are called so)" if len(failed) > 1 else ""
    return (
        f"{last['repo_id']}{others} could not be measured: {last['message']} "
        f"({last['stage']}, {last['failed_at']:%Y-%m-%d}); `zoo query failures` lists all"
    )


def there(known: Sequence[str]) -> str:
    """The hint that lists what there is."""
    return f"there are: {few(known, _LISTED)}" if known else "there are none"
