"""Names that are not there, and what was probably meant."""

from collections.abc import Sequence
from difflib import get_close_matches

from zoo_analysis.errors import QueryError


def check(name: str, known: Sequence[str], what: str) -> None:
    """Raise a QueryError that suggests the nearest names, unless `name` is known."""
    if name not in known:
        near = get_close_matches(name, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else there(known)
        raise QueryError(f"no {what} {name!r}; {hint}")


def the_one(name: str, known: Sequence[str], what: str) -> str:
    """The known name that this is, or is a part of.

    Raises:
        QueryError: it is none, which suggests the nearest; or several.
    """
    parts = [each for each in known if name.lower() in each.lower()]
    if name in known or len(parts) == 1:
        return name if name in known else parts[0]
    if parts:
        raise QueryError(f"{name!r} is a part of {len(parts)} models: {', '.join(parts[:8])}")
    check(name, known, what)
    return name


def there(known: Sequence[str]) -> str:
    return f"there are: {', '.join(known)}"
