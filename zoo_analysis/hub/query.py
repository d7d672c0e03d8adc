"""A query of the hub's listing: conditions on models, and their order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo


@dataclass(frozen=True)
class HubQuery:
    """A table ``[[queries]]`` of a catalogue; what is None does not matter.

    Attributes:
        author: user or organisation.
        filter: tags that a model must all have (``timm``, ``image-classification``).
        pipeline_tag: its task.
        search: a part of its name.
        min_parameters, max_parameters: inclusive.
        limit: models at most.
        sort: ``downloads``, ``likes``, ``created_at`` or ``last_modified``, the highest first.
        series: of every model found.
    """

    author: str | None = None
    filter: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    search: str | None = None
    min_parameters: int | None = None
    max_parameters: int | None = None
    limit: int | None = None
    sort: str | None = None
    series: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of ``HfApi.list_models``; where models are counted here it lists them all."""
        bounds = [
            f"min:{_short(self.min_parameters)}" if self.min_parameters else "",
            f"max:{_short(self.max_parameters, up=1)}" if self.max_parameters else "",
        ]
        parameters = ",".join(filter(None, bounds))
        return {
            "author": self.author,
            "filter": list(self.filter) or None,
            "pipeline_tag": self.pipeline_tag,
            "search": self.search,
            "num_parameters": parameters or None,
            "sort": self.sort,
            "limit": None if parameters else self.limit,
        }

    def admits(self, info: "ModelInfo") -> bool:
        """True for a listed model within the bounds, which not every mirror heeds."""
        if self.min_parameters is None and self.max_parameters is None:
            return True
        total = info.safetensors.total if info.safetensors else None
        if total is None:
            return False
        return (self.min_parameters or 0) <= total <= (self.max_parameters or total)


def _short(count: int, up: int = 0) -> str:
    """A number as the hub writes it (``8B``, ``350M``), rounded down, or up for `up` = 1."""
    unit, letter = (1_000_000, "M") if count >= 1_000_000 else (1_000, "K")
    if count % 1_000_000_000 == 0:
        unit, letter = 1_000_000_000, "B"
    return f"{-(-count // unit) if up else count // unit}{letter}"
