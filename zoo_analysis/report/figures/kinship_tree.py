"""Families of models as trees, by what `zoo lineage` found."""

from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import altair as alt

from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import embedded, finished, layered, short
from zoo_analysis.report.figures.thinning import told
from zoo_analysis.store import Store, as_store

#: Pixels of a line and of a step, and models that are drawn.
_LINE, _STEP, _MOST = 22, 140, 200
_EDGE: Final = ("x", "y", "x2", "y2", "distance", "cards", "direction")
_SILENT: Final = "nothing"
_CARDS: Final = {
    "parent": theme.BLUE,
    "kin": theme.SKY,
    _SILENT: theme.VERMILION,
}
_STEPS: Final = """
SELECT k.repo_id_a, k.repo_id_b, k.parent, k.declared, d.value AS distance
FROM lineage k
LEFT JOIN lineage d ON d.measure = 'distance'
    AND (d.repo_id_a, d.revision_a, d.repo_id_b, d.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
WHERE k.measure = 'kinship' AND k.step
ORDER BY ALL
"""


def lineage(store: Store | str | Path | None = None) -> alt.LayerChart:
    """The trees of all families that `zoo lineage` found, a line a model, from parent to child.

    Args:
        store: a store, or what `open_store` takes.

    Raises:
        QueryError: no two models are known to be kin.
        StoreError: there is no store.
    """
    steps = as_store(store).run(_STEPS).to_pylist()
    if not steps:
        raise QueryError("no two models are known to be kin: `zoo lineage` tells it")
    lines = _lines(steps)
    drawn = {line["model"]: line for line in lines[:_MOST]}
    edges = [
        {**drawn[line["parent"]], "x2": line["x"], "y2": line["y"], **line["step"]}
        for line in drawn.values()
        if line["parent"] in drawn
    ]
    width = _STEP * (1 + max(line["x"] for line in drawn.values()))
    height = _LINE * len(drawn)
    x = alt.X("x:Q").scale(domain=[-0.2, width / _STEP + 1]).axis(None)
    rows = [len(drawn) - 0.5, -0.5]
    y = alt.Y("y:Q").scale(domain=rows).axis(None)
    names = [{"x": line["x"], "y": line["y"], "model": short(name)} for name, line in drawn.items()]
    rule = (
        alt.Chart(embedded({k: e[k] for k in _EDGE} for e in edges))
        .mark_rule()
        .encode(
            alt.Color("cards:N")
            .title("the cards say")
            .scale(domain=list(_CARDS), range=list(_CARDS.values())),
            alt.StrokeDash("direction:N").scale(
                domain=["told", "not told"], range=[[1, 0], [4, 3]]
            ),
            tooltip=["distance:Q", "cards:N", "direction:N"],
        )
    )
    # Down from the parent, then right to the child: no line crosses a name.
    down = rule.encode(x, y, alt.Y2("y2:Q"))
    right = rule.encode(x, alt.X2("x2:Q"), alt.Y("y2:Q").scale(domain=rows).axis(None))
    points = alt.Chart(embedded(names)).mark_point(filled=True, size=50, color=theme.BLACK)
    texts = alt.Chart(embedded(names)).mark_text(align="left", dx=7, fontSize=10)
    parts = [down, right, points.encode(x, y), texts.encode(x, y, alt.Text("model:N"))]
    families = sum(line["parent"] is None for line in lines)
    noun = "family" if families == 1 else "families"
    caption = [
        f"{len(lines)} models in {families} {noun}, each to the right of what it came from.",
        "Dashed: the two tell no direction."
        if any(edge["direction"] == "not told" for edge in edges)
        else "",
        told(len(drawn), len(lines), "models", "the first families"),
    ]
    return finished(layered(parts, width + 200, height), "Lineage", caption, width + 200)


def _lines(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line a model, families one after the other, each in the order of a walk from its root.

    The root is who came from nobody, as far as that is told, and from whom others came.
    """
    near: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    came: set[str] = set()
    gave = {step["parent"] for step in steps}
    for step in steps:
        a, b, parent = step["repo_id_a"], step["repo_id_b"], step["parent"]
        link = {
            "distance": step["distance"],
            "cards": step["declared"] or _SILENT,
            "direction": "told" if parent else "not told",
        }
        near[a].append((b, link))
        near[b].append((a, link))
        came |= {a, b} - {parent} if parent else set()
    lines: list[dict[str, Any]] = []
    seen: set[str] = set()
    for root in sorted(near, key=lambda name: (name in came, name not in gave, name)):
        todo: list[tuple[str, str | None, int, dict[str, Any]]] = [(root, None, 0, {})]
        while todo:
            name, parent, depth, link = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            place = {"model": name, "parent": parent, "x": depth, "y": len(lines), "step": link}
            lines.append(place)
            todo += [
                (other, name, depth + 1, each) for other, each in sorted(near[name], key=_name)
            ]
    return lines


def _name(link: tuple[str, dict[str, Any]]) -> str:
    return link[0]
