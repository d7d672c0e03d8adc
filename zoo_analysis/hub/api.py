"""The hub's metadata: one call a model, or one for a page of them, within a budget of calls."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

from zoo_analysis.errors import CheckpointError, SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.description import HubModel, hub_model
from zoo_analysis.hub.pages import entry, pages
from zoo_analysis.hub.path import split_id
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain, is_bad_token
from zoo_analysis.hub.retry import patiently
from zoo_analysis.hub.traffic import PAGE_BYTES, TEXT_SECONDS

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
#: Calls at the same time.
_AT_ONCE: Final = 8


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


def hub_infos(names: Sequence[str], access: HubAccess) -> dict[str, HubModel | Exception]:
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

    def one(name: str) -> HubModel | Exception:
        try:
            named = split_id(name)
            return _info(access, named.repo_id, named.revision)
        except Exception as error:
            _refuse_if_hopeless(error, access)
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def list_models(query: HubQuery, access: HubAccess) -> Iterator[HubModel]:
    """The models that the hub lists, page by page as they are asked for.

    Args:
        query: which models, in which order.
        access: how to reach the hub.

    Returns:
        Each model once; one whose description is malformed with its `problem`.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    seen: set[str] = set()
    found = pages(
        f"{access.endpoint}/api/models", {**query.arguments(), "expand": list(EXPAND)}, access
    )
    try:
        BUDGET.wait()
        for page in found:
            for model in map(hub_model, page):
                if model.problem is None:
                    if model.id in seen or not query.admits(model):
                        continue
                    seen.add(model.id)
                yield model
                if len(seen) == query.limit:
                    return
            BUDGET.wait()
    except Exception as error:
        _refuse_if_hopeless(error, access)
        raise SourceError(explain(error, "the listing", access)) from error


def _info(access: HubAccess, repo_id: str, revision: str) -> HubModel:
    from huggingface_hub.utils import get_session, hf_raise_for_status, validate_repo_id

    validate_repo_id(repo_id)
    url = f"{access.endpoint}/api/models/{repo_id}"
    if revision:
        url += f"/revision/{quote(revision, safe='')}"

    def call() -> bytes:
        BUDGET.wait()
        headers = access.headers(PAGE_BYTES, TEXT_SECONDS)
        answer = get_session().get(url, params={"expand": list(EXPAND)}, headers=headers)
        hf_raise_for_status(answer)
        return answer.content

    model = hub_model(entry(patiently(call, access.endpoint, access.first_wait)))
    if model.problem:
        raise CheckpointError(model.problem.replace("?", repo_id, 1))
    return model


def _refuse_if_hopeless(error: Exception, access: HubAccess) -> None:
    """Raise for what would go wrong with every other model too."""
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    if is_bad_token(error) or isinstance(error, httpx2.ConnectError):
        raise SourceError(explain(error, "the hub", access)) from error
    if isinstance(error, OfflineModeIsEnabled):
        raise SourceError("HF_HUB_OFFLINE is set; unset it to ask the hub what there is") from error
