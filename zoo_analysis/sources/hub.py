"""Models on the hub, from its metadata alone: one call a model, or one for a page of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.api import hub_infos, list_models
from zoo_analysis.hub.path import split_id
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain
from zoo_analysis.sources.hub_ref import NoWeights, hub_ref
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo


def hub_models(
    names: Sequence[str], access: HubAccess | None = None
) -> dict[str, ModelRef | Problem]:
    """Repositories by id, each with one call.

    Args:
        names: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, also with ``hf://`` in front.
        access: how to reach the hub; None is `hub.access.default_access`.

    Returns:
        For each name the model, its revision resolved to a commit; or why there is none.

    Raises:
        SourceError: the hub cannot be reached, or does not accept the token.
    """
    access = access or default_access()
    out: dict[str, ModelRef | Problem] = {}
    for name, found in hub_infos(names, access).items():
        if isinstance(found, Exception):
            repo_id, revision = split_id(name)
            line = explain(found, repo_id, access, revision)
            out[name] = Problem(repo_id, type(found).__name__, line)
        else:
            out[name] = described(found)
    return out


def hub_query(query: HubQuery, access: HubAccess | None = None) -> Resolved:
    """Every model that a query finds, one call a page.

    Args:
        query: which models, in which order.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    found = [described(info) for info in list_models(query, access or default_access())]
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
