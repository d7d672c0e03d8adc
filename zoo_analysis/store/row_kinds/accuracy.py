"""A reported accuracy, as sources give it and the table `accuracies` keeps it."""

from dataclasses import dataclass

from zoo_analysis.texts import clean


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """One reported number, as one source reports it.

    Attributes:
        repo_id: of the model.
        dataset: that it was evaluated on (``imagenet-1k``).
        metric: ``accuracy`` is top-1.
        split: of the data set.
        value: in percent for accuracies and F1 scores, else in the metric's own unit.
        source: who reports it (``card``, ``torchvision``, a catalogue's citation).
        source_url: a page that says so.
    """

    repo_id: str
    dataset: str
    metric: str
    split: str | None = None
    value: float
    source: str
    source_url: str | None = None

    def __post_init__(self) -> None:
        clean(self)
