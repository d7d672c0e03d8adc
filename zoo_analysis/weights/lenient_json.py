"""JSON as people leave it beside weights: with a byte order mark, with commas at the end."""

import json
import re
from typing import Any, Final

from zoo_analysis.texts import bounded_json

#: A text in quotes, or a comma before the end of a list or object.
#: It takes one look at each character: a text that does not end is a text up to the end.
_COMMA: Final = re.compile(r'("(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z))|,(?=\s*+[}\]])', re.S)

#: The remark on a configuration that says nothing.
NO_CONFIG: Final = "config.json is no JSON object, and is passed over"


def lenient_json(text: str) -> Any:
    """The value that a JSON text means.

    Args:
        text: JSON, if need be with a byte order mark or commas at the end of lists and objects.

    Raises:
        ValueError: it is no JSON even so, nested too deeply, or of too many parts.
    """
    text = text.removeprefix("\ufeff")
    try:
        return bounded_json(text)
    except json.JSONDecodeError:
        return bounded_json(_COMMA.sub(lambda match: match[1] or "", text))
