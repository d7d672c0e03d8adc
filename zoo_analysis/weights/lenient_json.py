"""JSON as people leave it beside weights: with a byte order mark, with commas at the end."""

import json
import re
from typing import Any, Final

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
        ValueError: it is no JSON even so, or nested too deeply.
    """
    text = text.removeprefix("\ufeff")
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return json.loads(_COMMA.sub(lambda match: match[1] or "", text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
