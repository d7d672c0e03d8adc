"""The declaration of a source of reported accuracies."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from zoo_analysis.sources.ref import Accuracy, ModelRef


@dataclass(frozen=True)
class Inquiry:
    """A question to a source of accuracies.

    Attributes:
        models: those in the store that are on the hub, as the hub describes them now; only for
            sources that need the hub.
        places: paths or URLs of tables.
        columns: column of a table by what it is (``repo_id``, ``dataset``, ``metric``, ``value``,
            ``split``, ``source_url``).
        fixed: values, by the same names, of what has no column.
        remark: takes what a source left out: of what, and in a sentence.
    """

    models: tuple[ModelRef, ...] = ()
    places: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    remark: Callable[[str, str], None] = lambda of, remark: None


@dataclass(frozen=True)
class AccuracySource:
    """Somebody who reports accuracies.

    Attributes:
        name: by which it is asked for.
        collect: gives what it reports; values of accuracies in percent. Raises `SourceError` for
            what cannot be read.
        needs: what it is asked with: ``hub`` the models of the store, ``places`` the paths or URLs
            of tables, None nothing.
        about: whose numbers they are, in a sentence.
        mapped: whether it heeds an inquiry's `columns` and `fixed`.
    """

    name: str
    collect: Callable[[Inquiry], Iterable[Accuracy]]
    needs: Literal["hub", "places"] | None = None
    about: str = ""
    mapped: bool = True
