"""The hub's metadata: one call a model, or one for a page of them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess, current_access
from zoo_analysis.hub.budget import BUDGET
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain, is_bad_token
from zoo_analysis.hub.retry import CONNECTIONS, give_up, patiently, quiet, waiting_time

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


#: Calls at the same time.
_AT_ONCE: Final = 8


#: Models of a page at least; seconds to wait for an answer.
_PAGE, _TIMEOUT = 100, 30.0


#: Written by anybody, and raising in huggingface_hub where it is malformed.
FRAGILE: Final = "evalResults"


def hub_infos(names: Sequence[str]) -> "dict[str, ModelInfo | str | None]":
    """What the hub says of repositories, one call each.

    Returns:
        For each name the hub's description; ``"gone"`` where there is no such repository; None
        where the hub did not answer.

    Raises:
        SourceError: the hub cannot be reached, or does not accept the token.
    """
    from huggingface_hub.errors import DisabledRepoError, RepositoryNotFoundError

    api, access = _api()

    def one(name: str) -> "ModelInfo | str | None":
        found = _asked(api, access, *_split(name))
        if isinstance(found, RepositoryNotFoundError | DisabledRepoError):
            return "gone"
        return None if isinstance(found, Exception) else found

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def list_models(query: HubQuery, expand: Iterable[str] = EXPAND) -> Iterator["ModelInfo"]:
    """What the hub lists, page by page as it is asked for.

    Args:
        query: which models, in which order.
        expand: what to be told of each.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    api, access = _api()
    asked: list[Any] = list(expand)
    seen: set[str] = set()
    failures = 0
    while True:
        pages = api.list_models(**query.arguments(), expand=asked)
        try:
            with quiet():
                for info in _within_budget(pages):
                    if info.id not in seen and query.admits(info):
                        seen.add(info.id)
                        failures = 0
                        yield info
                        if len(seen) == query.limit:
                            return
            return
        except Exception as error:  # a listing cannot be resumed: it begins anew, less what came
            failures += 1
            if _is_malformed(error) and FRAGILE in asked:
                asked.remove(FRAGILE)
            elif give_up(error, failures, CONNECTIONS):
                _refuse_if_hopeless(error, access)
                raise SourceError(explain(error, "the listing", access)) from error
            else:
                time.sleep(waiting_time(error, failures, access.first_wait))


def _api() -> "tuple[HfApi, HubAccess]":
    from huggingface_hub import HfApi

    access = current_access()
    api = HfApi(access.endpoint, access.token or False, library_name="zoo-analysis")
    return api, access


def _info(api: "HfApi", access: HubAccess, repo_id: str, revision: str | None) -> "ModelInfo":
    def call(expand: Any) -> "ModelInfo":
        BUDGET.wait()
        return api.model_info(repo_id, revision=revision, expand=list(expand), timeout=_TIMEOUT)

    try:
        return patiently(lambda: call(EXPAND), access.first_wait, CONNECTIONS)
    except Exception as error:
        if not _is_malformed(error):
            raise
        return patiently(lambda: call(set(EXPAND) - {FRAGILE}), access.first_wait, CONNECTIONS)


def _asked(api: "HfApi", access: HubAccess, repo_id: str, revision: str) -> "ModelInfo | Exception":
    """The hub's description, or why there is none for this model alone."""
    try:
        return _info(api, access, repo_id, revision or None)
    except Exception as error:
        _refuse_if_hopeless(error, access)
        return error


def _split(name: str) -> tuple[str, str]:
    repo_id, _, revision = name.removeprefix("hf://").partition("@")
    return repo_id, revision


def _within_budget(pages: Iterable["ModelInfo"]) -> Iterator["ModelInfo"]:
    for number, info in enumerate(pages):
        if number % _PAGE == 0:
            BUDGET.wait()
        yield info


def _is_malformed(error: Exception) -> bool:
    """Whether huggingface_hub stumbled over what somebody wrote into a repository."""
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, ValueError | TypeError | KeyError) and not isinstance(
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
