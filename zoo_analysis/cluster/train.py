"""The digits zoo trained side by side on Ray."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import ray

from zoo_analysis.cluster.tasks import call
from zoo_analysis.sources.digits import DigitsSpec, train


def train_zoo(specs: Sequence[DigitsSpec], root: Path) -> Iterator[str]:
    """Train models where they are missing; Ray must be up.

    Args:
        specs: the models.
        root: directory that gets one model directory each.

    Yields:
        The name of each model as it is done.
    """
    names = {call.remote(train, spec, root): spec.name for spec in specs}
    waiting = list(names)
    while waiting:
        done, waiting = ray.wait(waiting)
        for task in done:
            ray.get(task)
            yield names[task]
