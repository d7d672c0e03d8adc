"""The hub's description of a model, checked where it enters: anybody may have written it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from zoo_analysis.hub.path import leads_out

_Count = Annotated[int, msgspec.Meta(ge=0)]
#: Of a problem's text, so that it stays one line.
_SHORT: Final = 200


class _Sibling(msgspec.Struct):
    rfilename: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class _Safetensors(msgspec.Struct):
    parameters: dict[str, _Count] = {}
    total: _Count | None = None


class _Answer(msgspec.Struct, rename={"base_models": "baseModels", "eval_results": "evalResults"}):
    id: str
    sha: Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z]{1,64}\Z")] | None = None
    siblings: list[_Sibling] | None = None
    safetensors: _Safetensors | None = None
    createdAt: datetime | None = None
    lastModified: datetime | None = None
    downloads: _Count | None = None
    likes: _Count | None = None
    tags: list[Any] | None = None
    cardData: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    library_name: str | None = None
    pipeline_tag: str | None = None
    gated: bool | str | None = None
    disabled: bool | None = None
    base_models: Any = None
    eval_results: list[Any] | None = None


@dataclass(frozen=True)
class EvaluationResult:
    """A number of a repository's ``.eval_results``."""

    dataset: str
    task: str | None
    value: object
    source_url: str | None


@dataclass(frozen=True)
class HubModel:
    """A model as the hub describes it; what is not said is empty or None.

    Attributes:
        id: ``OWNER/NAME``.
        sha: commit.
        problem: what is wrong with the description, of which then nothing else holds.
        files: names of all files.
        parameters: elements by the hub's name of their type.
        total: elements of the safetensors files.
        card: fields of the card.
        model_index: as the card has it.
        gated: access has to be asked for.
        odd_results: entries of its evaluation results that are malformed.
    """

    id: str
    sha: str | None = None
    problem: str | None = None
    files: tuple[str, ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None
    created: datetime | None = None
    modified: datetime | None = None
    downloads: int | None = None
    likes: int | None = None
    tags: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    model_index: object = None
    config: Mapping[str, Any] = field(default_factory=dict)
    library: str | None = None
    pipeline_tag: str | None = None
    gated: bool = False
    disabled: bool = False
    base_models: tuple[str, ...] = ()
    eval_results: tuple[EvaluationResult, ...] = ()
    odd_results: int = 0


def hub_model(entry: object) -> HubModel:
    """The model that an entry of a listing, or an answer, describes.

    Args:
        entry: JSON as it came; anything.
    """
    from huggingface_hub.utils import validate_repo_id

    said = entry.get("id") if isinstance(entry, dict) else getattr(entry, "id", None)
    name = said if isinstance(said, str) and re.fullmatch(r"[\w./-]{1,200}", said) else "?"
    try:
        if isinstance(entry, ValueError):  # no JSON, or nested too deeply
            raise entry
        answer = msgspec.convert(entry, _Answer, strict=True)
        validate_repo_id(answer.id)
        files = tuple(sibling.rfilename for sibling in answer.siblings or ())
        if outside := next((file for file in files if leads_out(file)), None):
            raise ValueError(f"a file is called {outside!r}")
        created, modified = _moment(answer.createdAt), _moment(answer.lastModified)
    except (ValueError, msgspec.ValidationError) as error:
        reason = " ".join(str(error).split())[:_SHORT]
        return HubModel(name, problem=f"{name}: the hub's description of it is malformed: {reason}")
    assert isinstance(entry, dict)
    weights = answer.safetensors or _Safetensors()
    parents = answer.base_models if isinstance(answer.base_models, list) else []
    results = [_evaluation(each) for each in answer.eval_results or ()]
    return HubModel(
        id=answer.id,
        sha=answer.sha,
        files=files,
        parameters=weights.parameters,
        total=weights.total,
        created=created,
        modified=modified,
        downloads=answer.downloads,
        likes=answer.likes,
        tags=tuple(tag for tag in answer.tags or () if isinstance(tag, str)),
        card=answer.cardData or {},
        model_index=entry.get("model-index"),
        config=answer.config or {},
        library=answer.library_name,
        pipeline_tag=answer.pipeline_tag,
        gated=bool(answer.gated),
        disabled=bool(answer.disabled),
        base_models=tuple(parent for parent in parents if isinstance(parent, str)),
        eval_results=tuple(found for found in results if found is not None),
        odd_results=results.count(None),
    )


def _moment(value: datetime | None) -> datetime | None:
    """A time in UTC, in which it may be out of range."""
    try:
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))
    except OverflowError:
        raise ValueError(f"{value} is no date") from None


def _evaluation(entry: object) -> EvaluationResult | None:
    """An entry of ``evalResults``; None for one that is malformed, which costs nothing else."""
    match entry:
        case {"data": dict(inner)}:
            return _evaluation(inner) if "data" not in inner else None
        case {"dataset": {"id": str(dataset), **about}, "value": value, **rest}:
            task, source = about.get("task_id"), rest.get("source")
            url = source.get("url") if isinstance(source, dict) else None
            return EvaluationResult(
                dataset,
                task if isinstance(task, str) else None,
                value,
                url if isinstance(url, str) else None,
            )
    return None
