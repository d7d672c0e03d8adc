"""Models on the hub, from its metadata alone: one call a model, or one for a page of them."""

from collections.abc import Sequence
from dataclasses import replace

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.api import hub_infos, list_models
from zoo_analysis.hub.description import HubModel
from zoo_analysis.hub.path import HubPath, split_id
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain
from zoo_analysis.sources.card import Card, card_of, number
from zoo_analysis.sources.metadata import architecture_of
from zoo_analysis.sources.ref import Accuracy, ModelRef, Problem, Resolved
from zoo_analysis.weights.readers.files import weights_name

#: Bytes of an element by the hub's name of its type.
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
#: The source of evaluation results that the hub gathers from ``.eval_results/*.yaml``.
EVAL_RESULTS = "eval-results"
#: The prefix of the tag by which the hub repeats a card's licence.
_LICENCE = "license:"


def hub_models(
    names: Sequence[str], access: HubAccess | None = None
) -> dict[str, ModelRef | Problem]:
    """Models of the hub by the names of their repositories, one call each.

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
    """All models that a query finds, one call a page.

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


def described(info: HubModel) -> ModelRef | Problem:
    """A model by the hub's description, or the reason why it cannot be scanned.

    Args:
        info: as the hub has it.

    Returns:
        The model; a problem where the description is malformed, the repository is disabled or has
        no commit, holds no weights, or holds several and none under a name that says it is the one.
    """
    if info.problem:
        return Problem(info.id, "MalformedDescription", info.problem)
    try:
        if not info.sha or info.disabled:
            raise CheckpointError(f"{info.id}: disabled or empty on the hub; choose another model")
        file = weights_name(info.files, info.id)
    except CheckpointError as error:
        return Problem(info.id, "NoWeights", str(error))
    architecture = architecture_of(dict(info.config))
    card = _card(info)
    return ModelRef(
        repo_id=info.id,
        revision=info.sha,
        path=str(HubPath(info.id, info.sha, file)),
        source="hub",
        nbytes=_nbytes(info),
        series=card.series or architecture.series,
        architecture=architecture.name,
        library=info.library or card.library or architecture.library,
        pipeline_tag=info.pipeline_tag or card.pipeline_tag,
        license=card.license,
        base_model=card.base_model or ", ".join(info.base_models) or None,
        created=info.created,
        modified=info.modified,
        downloads=info.downloads,
        likes=info.likes,
        accuracies=(*card.accuracies, *eval_results(info)),
    )


def eval_results(info: HubModel) -> tuple[Accuracy, ...]:
    """The numbers in a repository's ``.eval_results``; each benchmark has its own unit."""
    out = []
    for entry in info.eval_results:
        value = number(entry.value)
        if value is None:
            continue
        whole = entry.task in (None, "default")
        out.append(
            Accuracy(
                repo_id=info.id,
                dataset=entry.dataset if whole else f"{entry.dataset}:{entry.task}",
                metric="score",
                value=value,
                source=EVAL_RESULTS,
                source_url=entry.source_url,
            )
        )
    return tuple(out)


def _card(info: HubModel) -> Card:
    """The card, by the hub's own reading of it; its licence is also among the tags."""
    fields = info.card or {"tags": list(info.tags)}
    card = card_of(fields, info.model_index, info.id)
    licences = (tag.removeprefix(_LICENCE) for tag in info.tags if tag.startswith(_LICENCE))
    return replace(card, license=card.license or next(licences, None))


def _nbytes(info: HubModel) -> int:
    """Bytes of the safetensors files by the hub's count of elements; 0 where it has none."""
    return sum(count * _BYTES.get(dtype, 1) for dtype, count in info.parameters.items())
