"""What `--as-of` takes."""

from datetime import datetime

from zoo_analysis.errors import ZooError


def parse_as_of(text: str | None) -> datetime | int | None:
    """A version of the store, or an ISO time.

    Raises:
        ZooError: neither.
    """
    if text is None:
        return None
    if text.isdecimal() and len(text) < 8:
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ZooError(
            f"--as-of {text!r} is neither a version nor a time such as 2026-03-01 or "
            "2026-03-01T12:00:00+01:00"
        ) from error
