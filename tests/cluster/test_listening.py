"""A run that is called from a notebook shows how far it is; elsewhere nobody is told unasked."""

import sys
from types import SimpleNamespace

import pytest

from zoo_analysis.cluster.account import Event
from zoo_analysis.cluster.listening import listeners


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(kernel=object(), config={})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


@pytest.mark.usefixtures("notebook")
@pytest.mark.parametrize(("steps", "told"), [(False, "2/2"), (True, "3/3")])
def test_a_notebook_counts_models_or_steps_to_the_end(
    capsys: pytest.CaptureFixture[str], steps: bool, told: str
) -> None:
    on_event, on_start = listeners("scanning", None, None, steps=steps)
    assert on_event is not None
    assert on_start is not None
    on_start(2, 3)
    for kind in ("scanned", "piece", "failed"):
        on_event(Event(kind, "lab/net"))  # type: ignore[arg-type]
    shown = capsys.readouterr().err
    assert "scanning: 100%" in shown
    assert told in shown


@pytest.mark.usefixtures("notebook")
def test_who_listens_already_is_left_to_it() -> None:
    seen: list[Event] = []
    assert listeners("scanning", seen.append, None) == (seen.append, None)


def test_elsewhere_nobody_is_told() -> None:
    assert listeners("scanning", None, None) == (None, None)
