"""Names that are not there, and what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

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


def whole_or_part(name: str, known: Iterable[str]) -> list[str]:
    """The known name that this is, or else all those that it is a part of, whatever the case."""
    known = set(known)
    return [name] if name in known else sorted(k for k in known if name.lower() in k.lower())


def several(name: str, found: list[str]) -> str:
    """The refusal of a part that several models have in their names."""
    return f"{name!r} is a part of {len(found)} models: {', '.join(found[:_LISTED])}"
