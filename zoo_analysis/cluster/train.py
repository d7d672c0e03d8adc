"""The digits zoo trained side by side on Ray."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from zoo_analysis.cluster.work import side_by_side
from zoo_analysis.sources.digits import DigitsSpec, train


def train_zoo(specs: Sequence[DigitsSpec], root: Path) -> Iterator[str]:
    """Train models where they are missing; Ray must be up.

    Args:
        specs: the models.
        root: directory that gets one model directory each.

    Yields:
        The name of each model as it is done.
    """
    for number, _ in side_by_side(train, [(spec, root) for spec in specs]):
        yield specs[number].name
