"""Causes by which failures are tried again: one that did not occur this time is no mistake."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.command import zoo
from zoo_analysis import open_store, retry
from zoo_analysis.errors import ZooError

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of two scans: models failed in the first, and none in the second."""
    store = open_store(tmp_path / "store")
    scans = [{"scan_id": f"s{i}", "method": "m", "config": "{}", "started_at": AT} for i in (1, 2)]
    store.append("scans", pa.Table.from_pylist(scans))
    failed = {"scan_id": "s1", "repo_id": "lab/net", "stage": "open", "error": "CheckpointError"}
    failed |= {"message": "truncated", "attempts": 1, "failed_at": AT}
    store.append("failures", pa.Table.from_pylist([failed]))
    return store.uri


@pytest.mark.parametrize("cause", ["open", "checkpointerror", "open/CheckpointError"])
def test_a_cause_that_nothing_failed_of_this_time_leaves_nothing_to_do(
    store: str, cause: str
) -> None:
    assert retry(store, "s2", cause).summary is None
    told = zoo("retry", "s2", "--cause", cause, "--store", store)
    assert (told.code, told.out) == (0, f"nothing failed of {cause} in s2\n")


def test_a_cause_that_never_occurred_is_a_mistake(store: str) -> None:
    with pytest.raises(ZooError, match=r"did you mean open/CheckpointError\?"):
        retry(store, "s2", "open/ChekpointError")
    told = zoo("retry", "--cause", "none", "--store", store)
    assert (told.code, told.out) == (2, "")
    assert "nothing ever failed of 'none'; causes are open/CheckpointError" in told.err
