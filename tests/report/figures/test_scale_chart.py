"""The figure of replayed scans."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures


def replayed(cores: int, gpus: int, hours: float, binding: str) -> dict[str, object]:
    size = {"zoo": "timm", "cores": cores, "gpus": gpus, "hours": hours, "dollars": 3.0}
    return size | {"binding": binding, "utilisation": 0.9}


ROWS = [
    replayed(1, 0, 16.0, "cores and GPUs"),
    replayed(16, 0, 1.0, "hub"),
    replayed(24, 1, 2.0, "cores"),
]


def test_every_replayed_scan_is_a_point_of_both_its_panels(tmp_path: Path) -> None:
    chart = figures.scale(pa.Table.from_pylist(ROWS)).to_dict()
    fleets = [panel for row in chart["vconcat"] for panel in row["hconcat"]]
    sizes = [
        [each["size"] for each in chart["datasets"][panel["data"]["name"]]]
        if "name" in panel["data"]
        else [each["size"] for each in panel["data"]["values"]]
        for panel in ({**fleet, **fleet.get("layer", [{}])[0], **fleet} for fleet in fleets)
    ]
    assert sizes == [[1, 16], [1]] * 2
    assert '"binding"' in json.dumps(chart)
    file = figures.save(figures.scale(pa.Table.from_pylist(ROWS)), tmp_path / "scale.svg")
    assert file.stat().st_size < 100_000


def test_cores_alone_make_one_column_and_nothing_no_figure() -> None:
    chart = figures.scale(pa.Table.from_pylist(ROWS[:2])).to_dict()
    assert [len(row["hconcat"]) for row in chart["vconcat"]] == [1, 1]
    with pytest.raises(QueryError, match="no replayed scans"):
        figures.scale(pa.table({}))
