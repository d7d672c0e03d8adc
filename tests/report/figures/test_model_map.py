"""Maps: names that can be read, looks that tell groups apart, accuracies of one data set."""

from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa

from tests.report.figures.conftest import datasets
from zoo_analysis.report import figures
from zoo_analysis.report.figures import theme
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import ACCURACIES


def near(sizes: tuple[int, ...]) -> pa.Table:
    """Values of CKA of groups of models, nearly alike within each."""
    generator = np.random.default_rng(0)
    middles = generator.uniform(size=(len(sizes), 2))
    places = np.repeat(middles, sizes, axis=0) + generator.normal(scale=0.01, size=(sum(sizes), 2))
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    names = [f"lab/model-{i}" for i in range(len(places))]
    return pa.table({"repo_id": names, **dict(zip(names, 1 - apart / apart.max(), strict=True))})


def test_no_name_lies_on_another_and_those_without_room_are_counted(strange: Store) -> None:
    for sizes in ((1, 1, 1), (4, 4, 4), (12, 12)):
        chart: Any = figures.map(strange, "cka", table=near(sizes))
        spec = chart.to_dict()
        alt.TopLevelSpec.validate(spec)
        (rows,) = datasets(chart)
        low, high = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
        pixel = (high - low) / spec["width"]
        named = [row for row in rows if row["name_x"] is not None]
        for a, b in combinations(named, 2):  # a letter of nine pixels' height is some 4.4 wide
            across = (len(a["model"]) + len(b["model"])) / 2 * 4.4 * pixel
            beside = abs(a["name_x"] - b["name_x"]) >= across
            assert beside or abs(a["name_y"] - b["name_y"]) >= 9 * pixel, (a, b)
        for row in named:
            away = (row["name_x"] - row["x"], row["name_y"] - row["y"])
            assert np.hypot(*away) < (len(row["model"]) * 3 + 12) * pixel
        told = f"No room for the names of {len(rows) - len(named)} models: "
        assert (told in " ".join(spec["title"]["subtitle"])) == (len(named) < len(rows))
    assert len(named) < 24
    many = figures.map(strange, "cka", table=near((50, 50))).to_dict()
    assert "No room for the names of 100 models" in " ".join(many["title"]["subtitle"])
    assert not [layer for layer in many["layer"] if layer["mark"]["type"] == "text"]


def test_groups_differ_in_colour_or_shape() -> None:
    colours, shapes = theme.told_apart(theme.APART)
    assert len({*zip(colours, shapes, strict=True)}) == 64
    assert len({*colours[:8]}) == 8 == len({*shapes[:8]})


def test_accuracies_of_one_data_set_are_compared(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    on = {"a-small": [0, 1], "of-most": [1, 2, 3], "top5": [4]}
    rows = [
        {
            **{
                "repo_id": f"lab/model-{i}",
                "dataset": dataset,
                "value": 60.0 + i,
                "source": "card",
            },
            **{"metric": "top5" if dataset == "top5" else "accuracy"},
            "retrieved_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        for dataset, models in on.items()
        for i in models
    ]
    store.append("accuracies", pa.Table.from_pylist(rows, schema=ACCURACIES))
    chart = figures.map(store, "cka", colour="accuracy", table=near((3, 3)))
    (drawn,) = datasets(chart)
    told = {row["model"]: row["accuracy"] for row in drawn if row["accuracy"] is not None}
    assert told == {f"lab/model-{i}": 60.0 + i for i in (1, 2, 3)}
    caption = " ".join(chart.to_dict()["title"]["subtitle"])
    assert "Accuracies on of-most, as reported." in caption
    assert "Hollow: no top-1 accuracy on of-most is known, of 3 models." in caption
