"""Listings of the hub: its pages one after the other, and the entries of each, one by one."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urljoin

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.retry import patiently
from zoo_analysis.hub.traffic import PAGE_BYTES, TEXT_SECONDS, origin

#: Pages of a listing: the whole hub had a quarter of it in 2026.
_MOST_PAGES: Final = 100_000
#: Digits up to which a number in JSON is an integer; longer ones are floats, infinite if need be.
_DIGITS: Final = 18


#: Entries of a page: the hub gives a thousand at most.
_MOST_ENTRIES: Final = 100_000
_ID: Final = re.compile(rb'"id"\s*:\s*"([\w./-]{1,200})"', re.ASCII)
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{\]},]', re.S)


class Malformed(ValueError):
    """An entry that is no JSON by itself; `id` is what it seems to be called."""

    def __init__(self, reason: str, raw: bytes) -> None:
        super().__init__(reason)
        found = _ID.search(raw)
        self.id = found[1].decode() if found else None


def pages(
    url: str, params: Mapping[str, Any] | None, access: HubAccess, *, is_known: bool = False
) -> Iterator[list[object]]:
    """The pages of a listing as they are asked for; entries that cannot be read are `Malformed`.

    Args:
        url: of the first page, at the endpoint.
        params: of its query.
        access: how to reach the hub.
        is_known: as for `hub.retry.patiently`.

    Raises:
        CheckpointError: a page is no list, too large or too slow, or the next one is elsewhere.
        Exception: of huggingface_hub, where the hub refuses.
    """
    from huggingface_hub.utils import get_session, hf_raise_for_status

    def get(url: str, params: Mapping[str, Any] | None) -> Any:
        headers = access.headers(PAGE_BYTES, TEXT_SECONDS)
        answer = get_session().get(url, params=params, headers=headers)
        hf_raise_for_status(answer)
        return answer

    seen: set[str] = set()
    while len(seen) < _MOST_PAGES:
        seen.add(url)
        ask = partial(get, url, params)
        answer = patiently(ask, access.endpoint, access.first_wait, is_known=is_known)
        yield entries(answer.content, access.endpoint)
        link = answer.links.get("next", {}).get("url")
        if not link:
            return
        url, params = _next_page(link, url, access.endpoint), None
        if url in seen:
            raise CheckpointError(f"{access.endpoint}: the listing goes round in a circle")
    raise CheckpointError(f"{access.endpoint}: the listing has no end")


def _next_page(link: str, url: str, endpoint: str) -> str:
    """The address of a next page, which is the endpoint's or nobody's.

    A mirror may hand on what the hub itself answered: then the page is asked of the mirror.
    """
    from huggingface_hub import constants

    home = constants._HF_DEFAULT_ENDPOINT
    try:
        link = urljoin(url, link)
    except ValueError:
        link = f"{link[:60]} (no URL)"
    if link.startswith(f"{home}/"):
        link = endpoint + link.removeprefix(home)
    if origin(link) != origin(endpoint):
        raise CheckpointError(
            f"{endpoint}: the listing goes on elsewhere ({' '.join(link.split())[:80]}), "
            "which is not followed; use another HF_ENDPOINT"
        )
    return link


def entries(page: bytes, where: str) -> list[object]:
    """The entries of a page, each read by itself.

    Args:
        page: JSON, a list.
        where: it came from, for errors.

    Raises:
        CheckpointError: it is no list.
    """
    try:
        found = _loaded(page)
    except (ValueError, RecursionError):  # an entry is malformed, or all of it
        found = [entry(part) for part in _split(page)]
    if not isinstance(found, list) or not (found or page.strip().startswith(b"[")):
        raise CheckpointError(f"{where}: what should be a listing is none")
    if len(found) > _MOST_ENTRIES:
        raise CheckpointError(f"{where}: a page of a listing has {len(found)} entries")
    return found


def entry(raw: bytes) -> object:
    """The value of a JSON text, its texts without halves of surrogate pairs; or `Malformed`."""
    try:
        return _loaded(raw)
    except RecursionError:
        return Malformed("nested too deeply", raw)
    except ValueError as error:
        return Malformed(str(error), raw)


def _loaded(raw: bytes) -> Any:
    value = json.loads(raw, parse_int=_integer)
    return _clean(value) if b"\\u" in raw else value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    return value


def _split(page: bytes) -> list[bytes]:
    """The entries of a list, told apart by brackets and commas, however deep they are."""
    out, depth, start = [], 0, 0
    for match in _TOKEN.finditer(page):
        token = match[0]
        depth -= token in b"]}"
        if (depth == 1 and token == b",") or (depth == 0 and token == b"]"):
            out.append(page[start : match.start()].strip())
        depth += token in b"[{"
        if depth == 1 and token in b"[,":
            start = match.end()
    return [part for part in out if part]
