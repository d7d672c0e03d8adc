"""Patterns of modules in an adapter's config, matched as peft does, in bounded time."""

import math
import re
from functools import lru_cache
from typing import Any, Final

import regex

from zoo_analysis.errors import CheckpointError
from zoo_analysis.texts import storable

#: Characters of a pattern; the longest paths of modules have some two hundred.
_LONGEST: Final = 1000
#: Patterns under one key: one for each layer of the largest models.
MOST_PATTERNS: Final = 10_000
#: Parts to which a pattern may unfold where it is compiled, in which ``a{9}`` is nine of them and
#: ``(a+)+`` three.
_PARTS: Final = 100_000
#: What is no part: white space and comments, between which a verbose pattern may be written.
_BLANK: Final = re.compile(r"\s|#[^\n]*\n|\(\?#[^)]*\)")
_COUNT, _REPEATED = re.compile(r"\{(\d+)"), re.compile(r"\)[+{]")
#: Seconds that matching one name may take; what is not made to be slow takes microseconds.
_SECONDS: Final = 0.5


def matches(pattern: str, layer: str, key: str) -> bool:
    """True if peft applies what the config says under `pattern` to a module.

    Args:
        pattern: a regular expression for the end of a module's path, or all of it.
        layer: module path without peft's wrapper.
        key: of adapter_config.json, for errors (``alpha_pattern``).

    Raises:
        CheckpointError: no pattern, a long one, or one that takes too much time or memory.
    """
    if len(pattern) > _LONGEST:
        raise CheckpointError(f"{key}: a pattern of {len(pattern)} characters; at most {_LONGEST}")
    shown = storable(repr(pattern))
    try:
        found = _compiled(pattern).match(layer, timeout=_SECONDS)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise CheckpointError(f"{key}: {shown} is no pattern: {error}") from None
    except TimeoutError:
        raise CheckpointError(f"{key}: {shown} takes too long to match") from None
    return found is not None


@lru_cache(MOST_PATTERNS)
def _compiled(pattern: str) -> Any:
    written = _BLANK.sub("", pattern)
    counts = (int(count) + 1 for count in _COUNT.findall(written))
    parts = len(pattern) * math.prod(counts) * 2 ** len(_REPEATED.findall(written))
    if parts > _PARTS:
        raise ValueError("it repeats what it repeats too often")
    return regex.compile(rf"(.*\.)?({pattern})$", cache_pattern=False)
