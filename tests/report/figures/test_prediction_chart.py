"""The chart of predictions shows those that have met a report, and counts the others."""

from pathlib import Path

import altair as alt
import pytest

from tests.report.figures.drawing import Drawing, place
from tests.support.reported_zoo import SERIES, made, report
from zoo_analysis.answers.prediction.predict import predict
from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures


def test_predictions_against_what_was_reported_later(tmp_path: Path) -> None:
    store = made(tmp_path)
    with pytest.raises(QueryError, match="no predictions to draw"):
        figures.predictions(store)
    rows = {row.repo_id: row for row in predict(store).rows}
    with pytest.raises(QueryError, match=f"{SERIES} wait for a report, of 1 none was made"):
        figures.predictions(store)
    near, far = rows["lab/net-2-0"], rows["lab/net-5-0"]
    assert near.predicted is not None
    report(store, {near.repo_id: near.predicted, far.repo_id: 1.0})
    chart = figures.predictions(store, dataset="d")
    made_of = chart.to_dict()
    drawing = Drawing(chart)
    for (width, height), marks in drawing.panels:
        for x, y in (place(mark) for mark in marks if mark.kind == "symbol"):
            assert 2 < x < width - 2
            assert 2 < y < height - 2
    alt.TopLevelSpec.validate(made_of)
    drawn = {
        row["model"]: row
        for layer in chart.layer
        for row in getattr(layer.data, "values", [])
        if "model" in row
    }
    assert drawn.keys() == {near.repo_id, far.repo_id}
    assert drawn[near.repo_id]["state"] == "inside"
    assert drawn[far.repo_id]["state"] == "outside"
    assert drawn[far.repo_id]["low"] == far.low
    told = " ".join(made_of["title"]["subtitle"])
    assert told.startswith("accuracy on d. ")
    assert all(f"'{what} accuracy (%)'" in str(made_of) for what in ("reported", "predicted"))
    assert "1 of 2 reports are inside the 90% interval" in told
    assert f"{SERIES - 2} wait for a report, of 1 none was made." in told
    with pytest.raises(QueryError, match="no predictions on other to draw"):
        figures.predictions(store, dataset="other")
