"""Predicted accuracies with their intervals against what was reported afterwards."""

from pathlib import Path
from typing import Final

import altair as alt

from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import WIDTH, embedded, finished, layered, short
from zoo_analysis.report.figures.thinning import MOST, told
from zoo_analysis.sources.percents import is_share
from zoo_analysis.store import Store, as_store
from zoo_analysis.texts import few

_FORECASTS: Final = """
SELECT repo_id, dataset, metric, predicted, low, high, level, interval, predictor, reported
FROM forecasts
WHERE $dataset IS NULL OR dataset = $dataset
ORDER BY reported IS NULL OR predicted IS NULL, predicted_at DESC, repo_id
"""


def predictions(store: Store | str | Path | None, *, dataset: str | None = None) -> alt.LayerChart:
    """Predictions with their intervals against what was reported after they had been made.

    Args:
        store: a store, or what `open_store` takes.
        dataset: only on this data set.

    Raises:
        QueryError: nothing was predicted, or nothing of it was reported yet.
        StoreError: there is no store.
    """
    rows = as_store(store).run(_FORECASTS, {"dataset": dataset}).to_pylist()
    on = f" on {dataset}" if dataset else ""
    if not rows:
        raise QueryError(f"no predictions{on} to draw: `zoo predict` makes them")
    abstained = [row for row in rows if row["predicted"] is None]
    met = [row for row in rows if row["predicted"] is not None and row["reported"] is not None]
    waiting = len(rows) - len(abstained) - len(met)
    counts = f"{waiting:,} wait for a report, of {len(abstained):,} none was made."
    if not met:
        raise QueryError(f"no prediction{on} has met a report yet: {counts}")
    inside = sum(row["low"] <= row["reported"] <= row["high"] for row in met)
    drawn = met[:MOST]
    states = {True: "inside", False: "outside"}
    data = embedded(
        {
            "model": row["repo_id"],
            "dataset": row["dataset"],
            "predicted": row["predicted"],
            "low": row["low"],
            "high": row["high"],
            "reported": row["reported"],
            "state": states[row["low"] <= row["reported"] <= row["high"]],
            "interval": row["interval"],
            "predictor": row["predictor"],
        }
        for row in drawn
    )
    values = [row[name] for row in drawn for name in ("reported", "predicted")]
    ends = embedded({"at": value} for value in (min(values), max(values)))
    unit = " (%)" if all(is_share(row["metric"]) for row in drawn) else ""
    x = alt.X("reported:Q").title(f"reported accuracy{unit}").scale(zero=False, padding=10)
    colour = (
        alt.Color("state:N")
        .title("interval")
        .scale(domain=list(states.values()), range=[theme.BLUE, theme.VERMILION])
    )
    seen = ["model:N", "dataset:N", "predicted:Q", "low:Q", "high:Q", "reported:Q"]
    seen += ["interval:N", "predictor:N"]
    base = alt.Chart(data).encode(x, colour, tooltip=seen)
    y = alt.Y("predicted:Q").title(f"predicted accuracy{unit}").scale(zero=False, padding=10)
    line = alt.Chart(ends).mark_line(color=theme.GREY, strokeDash=[4, 4])
    chart = layered(
        [
            line.encode(alt.X("at:Q"), alt.Y("at:Q")),
            base.mark_rule(opacity=0.5).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
            base.mark_point(filled=True, size=50).encode(y, alt.Shape("interval:N").title(None)),
        ],
        WIDTH,
        theme.HEIGHT,
    )
    kinds = sorted({f"{row['metric']} on {row['dataset']}" for row in met})
    levels = " and ".join(f"{level:.0%}" for level in sorted({row["level"] for row in met}))
    caption = [
        f"{few(map(short, kinds))}.",
        f"{inside:,} of {len(met):,} reports are inside the {levels} interval that was made before "
        "them.",
        f"{counts[0].upper()}{counts[1:]}",
        "Dashed: reported as predicted.",
        told(len(drawn), len(met), "predictions", "the latest"),
    ]
    return finished(chart, f"Predictions{on}", caption)
