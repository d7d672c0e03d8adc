"""A scan that does not end before it is told, however quick the machine: its last model waits.

Driven by ``python -c``, so that workers find these functions under the name of this module.
"""

import os
from pathlib import Path
from typing import Any

from tests.support.placed import until
from zoo_analysis.cluster import commits, flow
from zoo_analysis.cluster.scanning import scan_schedule, scan_tasks

#: Names the file that lets the last model go on.
GO = "HELD_UNTIL"
#: The model: the smallest goes last.
HELD = "held"
#: Sides of others, of which a batch has two: so they take a second, by their bytes.
BESIDE = ((20, 140_000),)
scan_models = scan_tasks.scan_models


def held_models(models: Any, settings: Any) -> Any:
    """Models that are opened, once they may be."""
    if any(model.ref.repo_id.endswith(HELD) for model in models):
        until(Path(os.environ[GO]).exists, 600)
    return scan_models(models, settings)


def held_scan(*arguments: str) -> None:
    """`zoo scan` with these arguments, which commits four times a second."""
    from zoo_analysis.cli import main

    scan_schedule.scan_models = held_models
    commits.BATCH_SECONDS = flow.BATCH_SECONDS = 0.25  # type: ignore[misc, attr-defined]
    main(["scan", *arguments])
