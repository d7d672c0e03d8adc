"""A query of the hub's listing: conditions on models, and their order."""

from typing import Annotated, Any

import msgspec

from zoo_analysis.hub.description import HubModel

#: A text that is not empty.
Text = Annotated[str, msgspec.Meta(min_length=1)]
#: The hub's names of orders.
_SORTS = {"created_at": "createdAt", "last_modified": "lastModified"}


class HubConditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions on models of the hub; what is None does not matter.

    Attributes:
        author: user or organisation.
        filter: tags that a model must all have (``timm``, ``image-classification``).
        pipeline_tag: its task.
        search: a part of its name.
        min_parameters, max_parameters: inclusive.
        limit: models at most.
    """

    author: Text | None = None
    filter: tuple[Text, ...] = ()
    pipeline_tag: Text | None = None
    search: Text | None = None
    min_parameters: int | None = None
    max_parameters: int | None = None
    limit: int | None = None


class HubQuery(HubConditions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table ``[[queries]]`` of a catalogue: conditions, order, and what the models belong to.

    Attributes:
        sort: ``downloads``, ``likes``, ``created_at`` or ``last_modified``, the highest first.
        series: of every model found.
    """

    sort: Text | None = None
    series: Text | None = None

    def arguments(self) -> dict[str, Any]:
        """Parameters of the listing's URL; where models are counted here it lists them all."""
        bounds = [
            f"min:{_short(self.min_parameters)}" if self.min_parameters else "",
            f"max:{_short(self.max_parameters, up=1)}" if self.max_parameters else "",
        ]
        parameters = ",".join(filter(None, bounds))
        asked = {
            "author": self.author,
            "filter": list(self.filter),
            "pipeline_tag": self.pipeline_tag,
            "search": self.search,
            "num_parameters": parameters,
            "sort": _SORTS.get(self.sort or "", self.sort),
            "limit": None if parameters else self.limit,
        }
        return {name: value for name, value in asked.items() if value}

    def admits(self, model: HubModel) -> bool:
        """True for a listed model within the bounds, which not every mirror heeds."""
        if self.min_parameters is None and self.max_parameters is None:
            return True
        total = model.total
        if total is None:
            return False
        return (self.min_parameters or 0) <= total <= (self.max_parameters or total)


def _short(count: int, up: int = 0) -> str:
    """A number as the hub writes it (``8B``, ``350M``), rounded down, or up for `up` = 1."""
    unit, letter = (1_000_000, "M") if count >= 1_000_000 else (1_000, "K")
    if count % 1_000_000_000 == 0:
        unit, letter = 1_000_000_000, "B"
    return f"{-(-count // unit) if up else count // unit}{letter}"
