"""The hub's metadata: one call a model, or one for a page of them, within a budget of calls."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import split_id
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain, is_bad_token
from zoo_analysis.hub.retry import patiently, quiet

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

#: What is asked of the hub for each model, so that nothing else need be asked.
EXPAND: Final = (
    "sha",
    "siblings",
    "safetensors",
    "createdAt",
    "lastModified",
    "downloads",
    "likes",
    "tags",
    "cardData",
    "model-index",
    "evalResults",
    "baseModels",
    "gated",
    "disabled",
    "config",
    "library_name",
    "pipeline_tag",
)
#: Written by anybody, and raising in huggingface_hub where it is malformed. What a card says is
#: also in other properties: tags, library, task, model-index.
FRAGILE: Final = ("evalResults", "cardData")
#: Calls at the same time.
_AT_ONCE: Final = 8
#: Models of a page at least; seconds to wait for an answer.
_PAGE, _TIMEOUT = 100, 30.0


class Budget:
    """At most so many calls in any so many seconds; more of them wait."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._times: deque[float] = deque(maxlen=calls)
        self._calls, self._seconds = calls, seconds
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when one more call is within the budget."""
        with self._lock:
            now = time.monotonic()
            if len(self._times) == self._calls and now - self._times[0] < self._seconds:
                time.sleep(self._seconds - (now - self._times[0]))
            self._times.append(time.monotonic())


#: The hub grants a few thousand in five minutes; where it is less, its RateLimit headers say so.
#: Only the driver asks for metadata, so its budget is that of the whole cluster.
BUDGET: Final = Budget(calls=2500, seconds=300.0)


def hub_infos(names: Sequence[str], access: HubAccess) -> "dict[str, ModelInfo | Exception]":
    """The hub's descriptions of repositories, one call each.

    Args:
        names: as `hub.path.split_id` takes them; of parts, their repositories' descriptions.
        access: how to reach the hub.

    Returns:
        For each name the description, with the properties of `EXPAND`; or the error that stands
        for this model alone.

    Raises:
        SourceError: the hub cannot be reached, or does not accept the token.
    """
    api = access.api()

    def one(name: str) -> "ModelInfo | Exception":
        try:
            named = split_id(name)
            return _info(api, access, named.repo_id, named.revision)
        except Exception as error:
            _refuse_if_hopeless(error, access)
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def list_models(
    query: HubQuery, access: HubAccess, expand: Iterable[str] = EXPAND
) -> Iterator["ModelInfo"]:
    """The models that the hub lists, page by page as they are asked for.

    Args:
        query: which models, in which order.
        access: how to reach the hub.
        expand: properties of each.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    api = access.api()
    asked: list[Any] = list(expand)
    seen: set[str] = set()
    while True:
        pages = api.list_models(**query.arguments(), expand=asked)
        try:
            with quiet():
                for info in _within_budget(pages):
                    if info.id not in seen and query.admits(info):
                        seen.add(info.id)
                        yield info
                        if len(seen) == query.limit:
                            return
            return
        except Exception as error:
            fragile = next((name for name in FRAGILE if name in asked), None)
            if not _is_malformed(error) or fragile is None:
                _refuse_if_hopeless(error, access)
                raise SourceError(explain(error, "the listing", access)) from error
            asked.remove(fragile)  # the listing begins anew, less what came


def _info(api: "HfApi", access: HubAccess, repo_id: str, revision: str) -> "ModelInfo":
    def call(expand: Any) -> "ModelInfo":
        BUDGET.wait()
        return api.model_info(
            repo_id, revision=revision or None, expand=list(expand), timeout=_TIMEOUT
        )

    asked = list(EXPAND)
    for fragile in FRAGILE:
        try:
            return patiently(partial(call, asked), access.first_wait)
        except Exception as error:
            if not _is_malformed(error):
                raise
        asked.remove(fragile)
    return patiently(partial(call, asked), access.first_wait)


def _within_budget(pages: Iterable["ModelInfo"]) -> Iterator["ModelInfo"]:
    for number, info in enumerate(pages):
        if number % _PAGE == 0:
            BUDGET.wait()
        yield info


def _is_malformed(error: Exception) -> bool:
    """True where huggingface_hub stumbled over what somebody wrote into a repository."""
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, ValueError | TypeError | KeyError | AttributeError) and not isinstance(
        error, HfHubHTTPError
    )


def _refuse_if_hopeless(error: Exception, access: HubAccess) -> None:
    """Raise for what would go wrong with every other model too."""
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    if is_bad_token(error) or isinstance(error, httpx2.ConnectError):
        raise SourceError(explain(error, "the hub", access)) from error
    if isinstance(error, OfflineModeIsEnabled):
        raise SourceError("HF_HUB_OFFLINE is set; unset it to read models from the hub") from error
