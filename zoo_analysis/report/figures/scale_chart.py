"""Replayed scans: their time, and the use of what binds them, over how many machines there are."""

from typing import Any, Final

import altair as alt
import pyarrow as pa

from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import embedded, finished, layered

_WIDTH, _HEIGHT = 300, 220
#: Where logarithmic axes have lines.
_TENS: Final = [10.0**power for power in range(-3, 8)]
#: What of a fleet its size is counted in.
_FLEETS: Final = (("cores", "cores, no GPU"), ("gpus", "GPUs, 24 cores each"))


def scale(replayed: pa.Table) -> alt.VConcatChart:
    """The makespan of replayed scans, and the share of it in which what binds is in use, by fleet.

    Args:
        replayed: rows of `cluster.planning.replay.scale.scale`.

    Raises:
        QueryError: there are none.
    """
    rows = replayed.to_pylist()
    if not rows:
        raise QueryError("no replayed scans to draw: name a zoo and machines")
    columns = []
    for size, title in _FLEETS:
        if mine := [row for row in rows if bool(row["gpus"]) == (size == "gpus")]:
            columns.append(_column(mine, size, title))
    panels = [alt.hconcat(*(column[place] for column in columns)) for place in (0, 1)]
    caption = (
        "Both axes of the upper panels are logarithmic: a straight line down is a scan that is so",
        "much shorter as there are more machines. Shapes say what binds: what takes the longest by",
        "itself. The lower panels show the share of the time in which that is in use.",
    )
    return finished(
        alt.vconcat(*panels, spacing=12),
        "Scans of whole zoos, replayed",
        caption,
        len(columns) * (_WIDTH + 80),
    )


def _column(
    rows: list[dict[str, Any]], size: str, title: str
) -> tuple[alt.LayerChart, alt.LayerChart]:
    """The two panels of one kind of fleet."""
    shown = [
        {
            "zoo": row["zoo"],
            "size": row[size],
            "hours": row["hours"],
            "utilisation": row["utilisation"],
            "binding": row["binding"],
            "dollars": row["dollars"],
        }
        for row in rows
    ]
    base = alt.Chart(embedded(shown)).encode(
        alt.X("size:Q").title(title).scale(type="log", nice=False, padding=12).axis(values=_TENS),
        alt.Color("zoo:N").scale(range=list(theme.CATEGORIES)),
        tooltip=["zoo:N", "size:Q", "hours:Q", "binding:N", "utilisation:Q", "dollars:Q"],
    )
    time = base.encode(alt.Y("hours:Q").title("hours").scale(type="log").axis(values=_TENS))
    used = alt.Y("utilisation:Q").title("what binds, in use").scale(domain=[0, 1])
    share = base.encode(used.axis(format="%"))
    return _with_points(time), _with_points(share)


def _with_points(lines: alt.Chart) -> alt.LayerChart:
    points = lines.encode(alt.Shape("binding:N").title("binding"))
    return layered((lines.mark_line(), points.mark_point(filled=True, size=80)), _WIDTH, _HEIGHT)
