"""A model from what the hub says of it."""

from typing import TYPE_CHECKING

from zoo_analysis.hub.path import HubPath
from zoo_analysis.sources.card import Card, card_of, number
from zoo_analysis.sources.metadata import architecture_of
from zoo_analysis.sources.ref import Accuracy, ModelRef
from zoo_analysis.weights.readers.open import weights_name

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

#: Bytes of an element by the hub's name of its type.
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
#: Where evaluation results stand that the hub gathers from ``.eval_results/*.yaml``.
EVAL_RESULTS = "eval-results"


class NoWeights(Exception):
    """A repository without anything to read."""


def hub_ref(info: "ModelInfo") -> ModelRef:
    """The model that the hub describes.

    Args:
        info: with the properties of `hub.EXPAND`.

    Raises:
        NoWeights: it has no commit, is disabled, or holds no weights.
        CheckpointError: it holds several, and none under a name that says it is the one.
    """
    if not info.sha or info.disabled:
        raise NoWeights(f"{info.id}: disabled or empty on the hub; choose another model")
    names = [sibling.rfilename for sibling in info.siblings or []]
    file = weights_name(names, info.id)
    architecture = architecture_of(info.config or {})
    card = _card(info)
    parents = info.base_models if isinstance(info.base_models, list) else None
    return ModelRef(
        repo_id=info.id,
        revision=info.sha,
        path=str(HubPath(info.id, info.sha, file)),
        source="hub",
        nbytes=_nbytes(info),
        series=card.series or architecture.series,
        architecture=architecture.name,
        library=info.library_name or card.library or architecture.library,
        pipeline_tag=info.pipeline_tag or card.pipeline_tag,
        license=card.license,
        base_model=card.base_model or ", ".join(map(str, parents or [])) or None,
        created=info.created_at,
        modified=info.last_modified,
        downloads=info.downloads,
        likes=info.likes,
        accuracies=(*card.accuracies, *eval_results(info)),
    )


def eval_results(info: "ModelInfo") -> tuple[Accuracy, ...]:
    """The numbers of the repository's ``.eval_results``; each benchmark has its own unit."""
    out = []
    for entry in info.eval_results or []:
        value = number(entry.value)
        if value is None:
            continue
        task = entry.task_id
        dataset = entry.dataset_id if task in (None, "default") else f"{entry.dataset_id}:{task}"
        out.append(
            Accuracy(
                repo_id=info.id,
                dataset=dataset,
                metric="score",
                value=value,
                source=EVAL_RESULTS,
                source_url=entry.source_url,
            )
        )
    return tuple(out)


def _card(info: "ModelInfo") -> Card:
    from huggingface_hub.repocard_data import ModelCardData, model_index_to_eval_results

    data = info.card_data or ModelCardData()
    if not data.eval_results and isinstance(info.model_index, list):
        try:
            _, data.eval_results = model_index_to_eval_results(info.model_index)
        except Exception:  # whatever is wrong with a card must not cost the model
            data.eval_results = None
    return card_of(data, info.id)


def _nbytes(info: "ModelInfo") -> int:
    """Bytes of the safetensors files by the hub's count of elements; 0 where it has none."""
    counts = info.safetensors.parameters if info.safetensors else {}
    return sum(count * _BYTES.get(dtype, 1) for dtype, count in counts.items())
