"""Patterns of modules in an adapter's config, matched as peft does, in bounded time."""

from typing import Final

import regex

from zoo_analysis.errors import CheckpointError
from zoo_analysis.texts import storable

#: Characters of a pattern; the longest paths of modules have some two hundred.
_LONGEST: Final = 1000
#: Seconds that matching one name may take; what is not made to be slow takes microseconds.
_SECONDS: Final = 0.5


def matches(pattern: str, layer: str, key: str) -> bool:
    """True if peft applies what the config says under `pattern` to a module.

    Args:
        pattern: a regular expression for the end of a module's path, or all of it.
        layer: module path without peft's wrapper.
        key: of adapter_config.json, for errors (``alpha_pattern``).

    Raises:
        CheckpointError: no pattern, a long one, or one that takes too long.
    """
    if len(pattern) > _LONGEST:
        raise CheckpointError(f"{key}: a pattern of {len(pattern)} characters; at most {_LONGEST}")
    shown = storable(repr(pattern))
    try:
        found = regex.match(rf"(.*\.)?({pattern})$", layer, timeout=_SECONDS)
    except (regex.error, RecursionError, OverflowError) as error:
        raise CheckpointError(f"{key}: {shown} is no pattern: {error}") from None
    except TimeoutError:
        raise CheckpointError(f"{key}: {shown} takes too long to match") from None
    return found is not None
