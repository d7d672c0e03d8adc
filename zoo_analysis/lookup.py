"""Things looked up by name: what was probably meant, and what other packages add."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import Any

from zoo_analysis.errors import ZooError

#: Names that one message lists.
_LISTED = 8


def near(
    name: str, known: Iterable[str], otherwise: str, *, most: int = 1, form: str = "{}"
) -> str:
    """The hint ``did you mean X?``, of the known names most like one.

    Args:
        name: that is not known.
        known: names that are.
        otherwise: the hint where none is like it.
        most: names to suggest.
        form: how a suggestion is written, its name in braces.
    """
    found = get_close_matches(name, list(known), n=most)
    return f"did you mean {' or '.join(map(form.format, found))}?" if found else otherwise


def listed(names: Sequence[str] | str) -> tuple[str, ...]:
    """Names, or one alone, which is not meant letter by letter."""
    return (names,) if isinstance(names, str) else tuple(names)


def whole_or_part(name: str, known: Iterable[str]) -> list[str]:
    """The known name that this is or ends in after a slash, or all those that it is a part of.

    Case counts for the first alone; where it ends several names, it is a part of all of these.
    """
    known = set(known)
    if name in known:
        return [name]
    parts = sorted(k for k in known if name.lower() in k.lower())
    ends = [k for k in parts if k.lower().endswith(f"/{name.lower()}")]
    return ends or parts


def several(name: str, found: list[str]) -> str:
    """The refusal of a part that several models have in their names."""
    return f"{name!r} fits {len(found)} models; give the whole name: {', '.join(found[:_LISTED])}"


def loaded(point: EntryPoint, what: str, error: type[ZooError]) -> Any:
    """The object that an entry point names.

    Args:
        point: of another package.
        what: the words for it in a refusal.
        error: raised where that package's code fails.
    """
    try:
        return point.load()
    except (Exception, SystemExit) as cause:  # anything, for it is another's code
        reason = str(cause).partition("\n")[0] or type(cause).__name__
        line = f"{what} does not load: {reason}; mend or uninstall the package it is from"
        raise error(line) from cause
