"""A hub that is gone for a minute costs time and nothing else, whatever it is asked just then."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.loopback import Hub, Outage
from tests.support.repositories import tensors, write
from zoo_analysis.hub.api import hub_infos, list_models
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights import open_checkpoint

#: So long the minute's are, and the first wait, of a second.
SECOND = 0.01


@pytest.fixture
def zoo(hub: Hub, hub_root: Path) -> Hub:
    """Seven repositories, listed two a page; the last one is pickled, and comes whole."""
    for i in range(6):
        hub.add(f"me/n{i}", write(hub_root / f"n{i}", ((60, 40),) * 3))
    pickled = write(hub_root / "n6")
    (pickled / "model.safetensors").unlink()
    torch.save(tensors("pickled"), pickled / "pytorch_model.bin")
    hub.add("me/n6", pickled)
    hub.page = 2
    return hub


def listing(hub: Hub) -> object:
    return sorted(model.id for model in list_models(HubQuery(author="me"), hub.access))


def descriptions(hub: Hub) -> object:
    found = hub_infos([f"me/n{i}" for i in range(7)], hub.access)
    return sorted(getattr(model, "id", repr(model)) for model in found.values())


def files(hub: Hub) -> object:
    return sorted(Repository(hub.access, "me/n0", hub.repos["me/n0"].main).names())


def ranges(hub: Hub) -> object:
    path = f"hf://me/n0@{hub.repos['me/n0'].main}/model.safetensors"
    with open_checkpoint(path, hub.access) as opened:
        return [opened.read(name).sum().item() for name in sorted(opened.tensors)]


def whole(hub: Hub) -> object:
    path = f"hf://me/n6@{hub.repos['me/n6'].main}/pytorch_model.bin"
    with open_checkpoint(path, hub.access) as opened:
        return [opened.read(name).sum().item() for name in sorted(opened.tensors)]


@pytest.mark.parametrize("kind", ["503", "refused"])
@pytest.mark.parametrize(
    ("ask", "after"),
    [
        (listing, 1),
        (descriptions, 3),
        (ranges, 1),
        *(
            pytest.param(ask, after, marks=pytest.mark.exhaustive)
            for ask, most in ((listing, 4), (files, 1), (ranges, 4), (whole, 4))
            for after in range(most)
            if (ask, after) not in {(listing, 0), (listing, 1), (ranges, 1)}
        ),
    ],
)
def test_what_is_asked_of_a_hub_that_is_gone_for_a_minute_is_answered(
    zoo: Hub, tmp_path: Path, ask: Callable[[Hub], object], after: int, kind: str
) -> None:
    undisturbed = ask(zoo)
    home = str(tmp_path / "another")
    zoo.access = replace(zoo.access, home=home, first_wait=SECOND)
    zoo.faults.outage = Outage(kind, 60 * SECOND, after)
    assert ask(zoo) == undisturbed
    assert zoo.faults.outage.began is not None, "it was not asked so often"
