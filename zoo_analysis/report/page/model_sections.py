"""Parts of a model's page that only some have: lineage, differences from bases, predictions."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup

from zoo_analysis.answers.portraits import Portrait
from zoo_analysis.report.figures.theme import counted, short
from zoo_analysis.report.page.cell_texts import (
    called,
    link,
    shown_number,
    shown_numbers,
    shown_power,
)
from zoo_analysis.report.page.lineage_page import KIN, kin_cells
from zoo_analysis.report.page.markup import Column, Crumbs, quoted
from zoo_analysis.report.page.predictions_page import FORECAST, forecast_cells, verdict
from zoo_analysis.spectra.metrics import METRICS

_RELATIVES: Final = (Column("Model"), Column("It is"), *KIN)
_CHANGES: Final = ("relative_change", "effective_rank", "num_intruders")
_DELTA: Final = (
    Column("Layer"),
    Column("Shape"),
    *(
        Column(name, METRICS[of].meaning, right=True)
        for name, of in zip(("‖ΔW‖/‖W‖", "effective rank", "intruders"), _CHANGES, strict=True)
    ),
    Column("remark", prose=True),
)
_ORIGIN, _DERIVED, _NEXT = "what it came from", "derived from it", "next of kin"
_SENTENCES: Final = {
    "Derived from": _ORIGIN,
    "Gave rise to": _DERIVED,
    "Joined, in no direction that weights tell, to": _NEXT,
}
#: log10 p above which it is the alignment that tells.
_NO_CHANCE: Final = -3.0
#: Models that a sentence names.
_NAMED: Final = 4
_BASE: Final = re.compile(r"\+base=(.*)@([^@]*)-[0-9a-f]{8}")


def section_values(portrait: Portrait, site: Crumbs, root: str) -> dict[str, Any]:
    """Values of the templates of these parts.

    Args:
        portrait: of the model.
        site: of the report.
        root: way from the model's page to the report's folder.
    """
    name = portrait.report.repo_id
    return {
        "compared": portrait.compared,
        "lineage_told": _lineage(portrait, site, root),
        "relative_columns": _RELATIVES,
        "relatives": [
            [_link(row["other"], site, root), _part(row), *cells]
            for row, cells in zip(portrait.kin, kin_cells(portrait.kin), strict=True)
        ],
        "relatives_text": _relatives_text(portrait.kin),
        "lineage_sql": [
            f"FROM lineage\nWHERE {quoted(name)} IN (repo_id_a, repo_id_b)\n"
            "ORDER BY repo_id_a, repo_id_b, measure"
        ],
        "forecasts_told": [_forecast(row) for row in portrait.forecasts],
        "forecast_columns": FORECAST,
        "forecasts": forecast_cells(portrait.forecasts),
        "forecast_sql": [f"FROM forecasts WHERE repo_id = {quoted(name)}"],
        "delta_columns": _DELTA,
        "deltas": [
            _delta(list(rows), site, root)
            for _, rows in groupby(portrait.deltas, key=lambda row: row["method"])
        ],
    }


def _link(name: str, site: Crumbs, root: str) -> Markup:
    return link(root + site.models[name] if name in site.models else None, name)


def _lineage(portrait: Portrait, site: Crumbs, root: str) -> list[Markup]:
    """Sentences on those that a family's tree joins to the model."""
    told = []
    for words, part in _SENTENCES.items():
        rows = [row for row in portrait.kin if _part(row) == part]
        names = Markup("; ").join(
            Markup("{}{}").format(_link(row["other"], site, root), _beside(row))
            for row in rows[:_NAMED]
        )
        if rows:
            more = f"; and {len(rows) - _NAMED:,} more" * (len(rows) > _NAMED)
            told.append(Markup("{} {}{}.").format(words, names, more))
    return told


def _part(row: Mapping[str, Any]) -> str:
    """What another model is to this one."""
    if row["step"]:
        ways = {row["other"]: _ORIGIN, row["repo_id"]: _DERIVED}
        return ways.get(row["parent"], _NEXT)
    return "kin" if row["related"] else "no kin" if row["related"] is False else "not told"


def _beside(row: Mapping[str, Any]) -> str:
    """What makes the two kin, and where no card says so, after a name."""
    told = ""
    if row["log10_p"] is not None:
        told += f", p = {shown_power(row['log10_p'])}"
    if row["aligned_cka"] is not None and (row["log10_p"] is None or row["log10_p"] > _NO_CHANCE):
        told += f", aligned CKA {shown_number(row['aligned_cka'])}"
    return told + ("" if row["declared"] else ", of which no card says so")


def _relatives_text(rows: Sequence[Mapping[str, Any]]) -> str:
    count = rows[0]["of"] if rows else 0
    told = counted(count, "model") + " that weights or cards call kin"
    return told + f", of which {len(rows):,} are listed" * (count > len(rows))


def _forecast(row: Mapping[str, Any]) -> str:
    """A prediction in a sentence."""
    told = f"{row['metric']} on {short(row['dataset'])}: "
    if row["predicted"] is None:
        return f"{told}not predicted: {row['reason']}"
    told += f"predicted {shown_number(row['predicted'])}, "
    told += f"{row['level']:.0%} interval {shown_number(row['low'])} to {shown_number(row['high'])}"
    if row["reported"] is None:
        return f"{told}; nothing is reported yet."
    return f"{told}; later reported {shown_number(row['reported'])}: {verdict(row)}."


def _delta(rows: Sequence[Mapping[str, Any]], site: Crumbs, root: str) -> dict[str, Any]:
    """What a page tells of one difference."""
    first = rows[0]
    base = _BASE.search(first["method"])
    layers, told = first["layers"], first["told"]
    words = f"Of {counted(layers, 'layer')} "
    if first["middle"] is not None:
        words += (
            f"the change ‖ΔW‖/‖W‖ is {shown_number(first['middle'])} in the median, at most "
            f"{shown_number(first['relative_change'])}; "
        )
    words += f"{shown_number(int(first['intruders'] or 0))} intruder dimensions in {told:,} of them"
    if told < layers:
        words += f", not known of {layers - told:,}"
    columns = (
        [called(row["layer"]) for row in rows],
        ["×".join(map(str, row["shape"] or ())) for row in rows],
        *(shown_numbers([row[name] for row in rows]) for name in _CHANGES),
        [_remark(row) for row in rows],
    )
    caption = "Layers, the most changed first"
    caption += f": {len(rows):,} of {layers:,} are listed" * (len(rows) < layers)
    name, revision = base.groups() if base else (first["method"], "")
    return {
        "base": _link(name, site, root),
        "revision": revision,
        "words": f"{words}.",
        "caption": caption,
        "rows": list(zip(*columns, strict=True)),
        "sql": [
            f"SELECT layer, shape, {', '.join(_CHANGES)}, status\nFROM layers\n"
            f"WHERE repo_id = {quoted(first['repo_id'])} AND method = {quoted(first['method'])}\n"
            "ORDER BY relative_change DESC"
        ],
    }


def _remark(row: Mapping[str, Any]) -> str:
    status = None if row["status"] == "success" else row["status"]
    return "; ".join(filter(None, (status, row["note"])))
