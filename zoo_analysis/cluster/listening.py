"""Who is told of a run: the caller, or else a bar in a notebook."""

import sys
from collections.abc import Callable
from typing import Any

from zoo_analysis.cluster.account import Event

OnEvent = Callable[[Event], None]
OnStart = Callable[[int, int], None]


def listeners(
    what: str, on_event: OnEvent | None, on_start: OnStart | None, *, steps: bool = False
) -> tuple[OnEvent | None, OnStart | None]:
    """Those who are told of a run: the caller's, or else a bar where the caller is a notebook.

    Args:
        what: the run does, in one word.
        on_event: of the caller.
        on_start: of the caller.
        steps: whether the bar counts steps of the work, as `on_start` is told of them, not models.
    """
    if on_event is not None or on_start is not None or not _in_notebook():
        return on_event, on_start
    from tqdm.auto import tqdm

    bar: Any = tqdm(desc=what, unit="step" if steps else "model")

    def start(models: int, work: int) -> None:
        bar.reset(work if steps else models)

    def event(done: Event) -> None:
        if steps or (done.kind in ("scanned", "skipped", "failed") and not done.further):
            bar.update()
        if bar.n == bar.total:
            bar.close()

    return event, start


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return getattr(shell.get_ipython(), "kernel", None) is not None if shell else False
