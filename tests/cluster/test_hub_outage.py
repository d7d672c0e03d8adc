"""A scan goes on by itself when the hub is gone for a minute: nothing is lost, nothing is twice."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.faults import assert_as_if_nothing_happened
from tests.support.loopback import Hub, Outage
from tests.support.repositories import tensors, write
from zoo_analysis import scan
from zoo_analysis.cluster import scan as scan_module

SIDES = ((300, 200),) * 4


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no test before had started Ray."""
    monkeypatch.setattr(scan_module, "is_there", lambda address: bool(address))


@pytest.mark.parametrize(
    ("kind", "second", "after"),
    [
        ("refused", 0.02, 20),
        pytest.param("503", 0.02, 14, marks=pytest.mark.exhaustive),
        *(
            pytest.param(kind, 1.0, after, marks=pytest.mark.exhaustive)
            for kind, after in (("503", 1), ("503", 17), ("refused", 1), ("refused", 15))
        ),
    ],
)
def test_a_hub_that_is_gone_for_a_minute(
    hub: Hub, hub_root: Path, tmp_path: Path, kind: str, second: float, after: int
) -> None:
    for i in range(12):
        home = write(hub_root / "me" / f"n{i:02}", SIDES, card="")
        if i % 6 == 5:
            (home / "model.safetensors").unlink()
            torch.save(tensors(home.name), home / "pytorch_model.bin")
        hub.add(f"me/n{i:02}", home)
    hub.page = 4
    catalogue = tmp_path / "all.toml"
    catalogue.write_text('[[queries]]\nauthor = "me"\n')
    calm, store = str(tmp_path / "calm"), str(tmp_path / "store")
    assert scan([str(catalogue)], calm, access=hub.access).scanned == 12
    hub.faults.outage = Outage(kind, 60 * second, after)
    again = replace(hub.access, first_wait=second, home=str(tmp_path / "another"))
    summary = scan([str(catalogue)], store, access=again)
    assert hub.faults.outage.began is not None, "the scan was over before the outage"
    assert (summary.scanned, summary.failed) == (12, 0), summary.failures
    assert_as_if_nothing_happened(store, calm)
