"""The page of similarities: all models with all, by every measure that they were compared by."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.answers.similarity import matrix, measures
from zoo_analysis.report.figures.likeness_heatmap import matrix as heatmap
from zoo_analysis.report.figures.model_map import map as model_map
from zoo_analysis.report.page.markup import Crumbs, file_stem, page, quoted
from zoo_analysis.report.page.picture import Picture
from zoo_analysis.store import Store

#: Ways of comparing that are drawn, those with the most models.
_DRAWN: Final = 30
_WAYS: Final = """
SELECT measure, probe, mode, neurons, selection, count(DISTINCT repo_id) AS models,
    count(value) // 2 AS pairs, count(*) // 2 - count(value) // 2 AS without
FROM likeness
WHERE repo_id IN (SELECT unnest($models)) AND other IN (SELECT unnest($models))
GROUP BY ALL ORDER BY models DESC, measure, probe, mode, neurons, selection
"""
_OF: Final = ("measure", "probe", "mode", "neurons", "selection")


def similarity_files(store: Store, site: Crumbs) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of the page of similarities.

    Args:
        store: that is asked.
        site: of the report.
    """
    ways = store.run(_WAYS, {"models": [*site.models]}).to_pylist()
    known = {row["measure"]: row for row in measures().to_pylist()}
    shown = []
    for way in ways[:_DRAWN]:
        pictures = list(_pictures(store, way, site))
        for picture in pictures:
            yield picture.address, picture.png
        shown.append({**way, "about": known.get(way["measure"]), "pictures": pictures})
    values = {"ways": shown, "left": len(ways) - len(shown)}
    yield "similarities.html", page("similarities", "similarities.html", site, **values)


def _pictures(store: Store, way: Mapping[str, Any], site: Crumbs) -> Iterator[Picture]:
    asked = {name: way[name] for name in ("probe", "mode", "neurons")}
    table = matrix(store, way["measure"], **asked, layers=way["selection"])
    table = _among(table, site)
    if len(table) < 2:
        return
    stem = file_stem(" ".join(str(way[name]) for name in _OF))
    statements = [
        "SELECT repo_id, other, value FROM likeness\nWHERE "
        + " AND ".join(f"{name} = {quoted(way[name])}" for name in _OF)
        + "\nORDER BY repo_id, other"
    ]
    heat = heatmap(table, way["measure"])
    yield Picture.of(heat, f"figures/matrix-{stem}.png", statements)
    plane = model_map(store, way["measure"], table=table)
    yield Picture.of(plane, f"figures/map-{stem}.png", statements)


def _among(table: pa.Table, site: Crumbs) -> pa.Table:
    """The part of a matrix that is of the report's models."""
    names = table["repo_id"].to_pylist()
    mine = [name for name in names if name.partition("@")[0] in site.models]
    if len(mine) == len(names):
        return table
    places = [names.index(name) for name in mine]
    return table.take(pa.array(places, pa.int64())).select(["repo_id", *mine])
