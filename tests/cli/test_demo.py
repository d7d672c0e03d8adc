"""`zoo demo` tells what it found, and ends with the page to open."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.report.conftest import commit
from tests.report.page.reading import Page
from tests.support.command import zoo
from zoo_analysis.cluster import demo as demonstration
from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.demo import Demo
from zoo_analysis.store import open_store


@pytest.mark.parametrize("failed", [0, 1])
def test_the_demo_ends_with_the_report_of_its_store_beside_it(
    failed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scanned(store: str, **_: Any) -> Demo:
        commit(open_store(store), "digits/net", "digits", 0)
        return Demo(
            summary=Summary(open_store(store).uri, "default", scanned=1, failed=failed),
            twins=pa.table({"repo_id": ["a"], "random_like": [0.03]}),
            twins_told=("Of the pretrained models …",),
            regressions=pa.table({"series": ["digits"], "kendall_tau": [0.4]}),
            digits_told=("Of 13 correlations …",),
            published=pa.table({"metric": pa.array([], pa.string())}),
            published_told="Their data are not in the cache.",
        )

    monkeypatch.setattr(demonstration, "demo", scanned)
    told = zoo("demo", "--store", tmp_path / "zoo", cwd=tmp_path)
    assert told.code == (3 if failed else 0), told.err
    *_, heading, account, index = told.out.splitlines()
    assert heading == "5. The same as pages, to open in a browser:"
    assert account.startswith("1 model: ")
    assert Path(index) == tmp_path / "zoo-report" / "index.html"
    assert "1 model, 1 series" in Page(Path(index)).text("p")
    models = re.findall(r"zoo (?:show|diagnose) (\S+)", told.out)
    assert models
    assert all("/" in model for model in models), "a twin has the last part of the name"
    for said in ("Of the pretrained models …", "Of 13 correlations …", "not in the cache"):
        assert said in told.out
