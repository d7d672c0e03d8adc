"""Models as sources name them, before anything of them is read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from zoo_analysis.store.row_kinds.accuracy import Accuracy as Accuracy
from zoo_analysis.texts import clean


@dataclass(frozen=True)
class ModelRef:
    """One model at one revision.

    Attributes:
        repo_id: ``owner/name``; for a directory or file on disk its last two path components; with
            the path of a part of it (``owner/name/unet``) and a variant (``owner/name:fp16``).
        revision: commit sha or package version; None until `sources.resolve_revision`
            computes a content hash.
        path: checkpoint file, index of shards, or directory in hub layout (config.json, README.md,
            weights); what is opened.
        series: the family it is compared within, or None for the architecture's own.
        nbytes: of its weight files.
        architecture: ``timm:NAME`` or ``transformers:CLASS`` where a catalogue or config says so.
        accuracies: reported of it or, under the repository's own repo_id, of what it is a part of.
        branch: or tag of the hub by which it was named; None of a commit, or of none.
        remarks: what its source leaves out of account, in a sentence each.
    """

    repo_id: str
    revision: str | None
    path: str
    source: Literal["local", "packaged", "hub"]
    nbytes: int
    series: str | None = None
    architecture: str | None = None
    library: str | None = None
    pipeline_tag: str | None = None
    license: str | None = None
    base_model: str | None = None
    created: datetime | None = None
    modified: datetime | None = None
    downloads: int | None = None
    likes: int | None = None
    branch: str | None = None
    accuracies: tuple[Accuracy, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        clean(self, "path")


@dataclass(frozen=True)
class Problem:
    """A member of a source that cannot be scanned: a row of `failures`, nothing more."""

    repo_id: str
    error: str
    message: str
    stage: str = "source"

    def __post_init__(self) -> None:
        clean(self)


@dataclass(frozen=True)
class Resolved:
    """The models that the sources of a scan name, and the members of them that are none.

    Attributes:
        refs: the models.
        problems: the others.
        sources: as they were named, paths whole, so that they can be resolved again.
    """

    refs: tuple[ModelRef, ...]
    problems: tuple[Problem, ...]
    sources: tuple[str, ...] = ()
