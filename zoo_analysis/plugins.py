"""Objects that other packages add to this one, by entry points."""

from importlib.metadata import EntryPoint
from typing import TypeVar

from zoo_analysis.errors import ZooError

_T = TypeVar("_T")


def load(point: EntryPoint, kind: type[_T], what: str, error: type[ZooError]) -> _T:
    """The object that an entry point gives.

    Args:
        point: of another package.
        kind: of object that it needs to be.
        what: it is called in errors.
        error: to raise.

    Raises:
        ZooError: `error`, in one line: the package's code fails, or gives something else.
    """
    what = f"{what} ({point.value})"
    try:
        found = point.load()
    except Exception as cause:  # another package's code
        reason = str(cause).partition("\n")[0] or type(cause).__name__
        raise error(
            f"{what} does not load: {reason}; mend or uninstall the package it is from"
        ) from cause
    if not isinstance(found, kind):
        raise error(f"{what} is of type {type(found).__name__}; it needs to be a {kind.__name__}")
    return found
