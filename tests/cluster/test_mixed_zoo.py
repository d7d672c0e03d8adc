"""A zoo of which most models are attacks: the good ones are scanned as if they were alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.attacks.limits import within
from tests.attacks.mixed_zoo import ATTACKS, write_zoo
from zoo_analysis import open_store, scan

pytestmark = pytest.mark.usefixtures("local_ray")

#: What differs from scan to scan.
_TIMES = {"seconds", "scan_id", "scanned_at", "commit_id", "committed_at", "run_id"}


def good_rows(store: str, table: str) -> list[dict[str, Any]]:
    sql = f"FROM {table} WHERE repo_id LIKE '%-good' ORDER BY ALL"
    rows = open_store(store).sql(sql).to_arrow_table().to_pylist()
    return [
        {
            key: value
            for key, value in row.items()
            if key not in _TIMES and not key.endswith(("_at", "seconds", "path"))
        }
        for row in rows
    ]


def test_good_models_have_the_rows_of_an_undisturbed_scan(tmp_path: Path) -> None:
    alone, mixed = str(tmp_path / "alone"), str(tmp_path / "mixed")
    calm = scan([str(write_zoo(tmp_path / "calm" / "zoo", attacks=False))], alone)
    with within(120):
        summary = scan([str(write_zoo(tmp_path / "wild" / "zoo", attacks=True))], mixed)
    assert calm.failed == 0
    assert calm.scanned == (len(ATTACKS) + 1) // 2
    for table in ("layers", "models"):
        rows = good_rows(alone, table)
        assert rows
        assert repr(good_rows(mixed, table)) == repr(rows)
    store = open_store(mixed)
    scanned = {row[0] for row in store.sql("SELECT repo_id FROM models").fetchall()}
    failed = [row[0] for row in store.sql("SELECT repo_id FROM failures").fetchall()]
    attacks = {f"zoo/{number:02}-{name}" for number, name in enumerate(ATTACKS)}
    assert len(failed) == len(set(failed)), "one row for each"
    assert attacks <= scanned | set(failed)
    assert summary.failed == len(failed)
    assert not scanned & set(failed)
    texts = [row[0] for row in store.sql("SELECT message FROM failures").fetchall()]
    assert not [text for text in texts if "\n" in text or "Traceback" in text or len(text) > 2000]
    assert not store.sql("FROM models WHERE license LIKE '%root:%'").fetchall()
