"""Models on the hub, from its metadata alone: one call a model, or one for a page of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.api import _AT_ONCE, _api, _asked, _split, list_models
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain
from zoo_analysis.sources.hub_ref import NoWeights, hub_ref
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo


def hub_models(names: Sequence[str]) -> dict[str, ModelRef | Problem]:
    """Repositories by id, each with one call.

    Args:
        names: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, also with ``hf://`` in front.

    Returns:
        For each name the model, its revision resolved to a commit; or why there is none.

    Raises:
        SourceError: the hub cannot be reached, or does not accept the token.
    """
    api, access = _api()

    def one(name: str) -> ModelRef | Problem:
        repo_id, revision = _split(name)
        found = _asked(api, access, repo_id, revision)
        if not isinstance(found, Exception):
            return described(found)
        line = explain(found, repo_id, access, revision)
        return Problem(repo_id, type(found).__name__, line)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def hub_query(query: HubQuery) -> Resolved:
    """Every model that a query finds, one call a page.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    found = [described(info) for info in list_models(query)]
    return Resolved(
        tuple(model for model in found if isinstance(model, ModelRef)),
        tuple(model for model in found if isinstance(model, Problem)),
    )


def described(info: "ModelInfo") -> ModelRef | Problem:
    """A model from the hub's answer, or why it cannot be scanned."""
    try:
        return hub_ref(info)
    except (NoWeights, CheckpointError) as error:
        return Problem(info.id, "NoWeights", str(error))
