"""A page a model: what it is, how its layers look, what was measured of it, and what is near it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from zoo_analysis.answers.portraits import Portrait
from zoo_analysis.report.figures.theme import counted, short
from zoo_analysis.report.page.cell_texts import called, scaled, shown_number, shown_numbers
from zoo_analysis.report.page.markup import Column, Crumbs, file_stem, page, quoted, script
from zoo_analysis.report.page.model_data import MOST_LAYERS, PER_FILE, depth_data
from zoo_analysis.report.page.model_sections import section_values
from zoo_analysis.spectra.metrics import METRICS, SHOWN
from zoo_analysis.store.schemas import LEADING_METRICS

#: Rows of what was left out, the largest first.
_LEFT_OUT: Final = 200
_OF: Final = "WHERE repo_id = {repo_id} AND revision = {revision} AND method = {method}"


def address_of(repo_id: str) -> str:
    """The place of a model's page in the report."""
    return f"models/{file_stem(repo_id)}.html"


def shown_layers(portrait: Portrait) -> list[dict[str, Any]]:
    """A model's rows of `layers` that its page shows, the first by depth."""
    rows: list[dict[str, Any]] = portrait.layers.slice(0, MOST_LAYERS).to_pylist()
    return rows


def spectra_files(portrait: Portrait) -> list[str]:
    """Files of a model's spectra."""
    stem = file_stem(portrait.report.repo_id)
    count = -(-min(len(portrait.layers), MOST_LAYERS) // PER_FILE)
    return [f"data/{stem}-{number}.js" for number in range(count)]


def model_files(
    portrait: Portrait, site: Crumbs, spectra: Sequence[Mapping[str, Any] | None] | None
) -> Iterator[tuple[str, str]]:
    """Names and texts of a model's files: its page, what is drawn over depth, and its spectra.

    Args:
        portrait: of the model.
        site: of the report.
        spectra: of each layer, as `spectra_data` has them; None where the files are there already.
    """
    stem, layers = file_stem(portrait.report.repo_id), shown_layers(portrait)
    address, data = address_of(portrait.report.repo_id), f"data/{stem}.js"
    parts = section_values(portrait, site, "../")
    yield address, page("model", address, site, **_values(portrait, layers, data), **parts)
    if layers:
        yield (
            data,
            script("depth", depth_data(portrait, layers) | {"spectra": _index(portrait, stem)}),
        )
    if spectra is None:
        return
    for number, name in enumerate(spectra_files(portrait)):
        yield name, script(name, spectra[number * PER_FILE : (number + 1) * PER_FILE])


def _index(portrait: Portrait, stem: str) -> dict[str, Any]:
    return {
        "stem": stem,
        "per": PER_FILE,
        "first": next(_fitted(portrait), 0),
        "layers": [
            short(name, 90) for name in islice(portrait.layers["layer"].to_pylist(), MOST_LAYERS)
        ],
    }


def _values(portrait: Portrait, layers: Sequence[Mapping[str, Any]], data: str) -> dict[str, Any]:
    report = portrait.report
    of = _OF.format(**{name: quoted(value) for name, value in report.key.items()})
    depth = [row for row in layers if row["in_network"]]
    return {
        "name": report.repo_id,
        "data": data,
        "drawn": bool(layers),
        "spectra": bool(layers),
        "facts": _facts(portrait),
        "finding_columns": _FINDINGS,
        "findings": [
            [each.diagnosis, each.verdict, each.text] for each in portrait.diagnosis.findings
        ],
        "method_text": f"method {report.method}",
        "averages_text": _averages_text(report.averages["layers"], len(portrait.layers)),
        "average_columns": _AVERAGES,
        "averages": _averages(portrait),
        "accuracies": report.accuracies.to_pylist(),
        "depth_text": _depth_text(report.repo_id, depth),
        "depth_sql": [
            f"SELECT layer, kind, role, depth, {', '.join(SHOWN)}\nFROM network_layers\n{of}\n"
            "ORDER BY depth, layer"
        ],
        "spectrum_sql": [
            f"SELECT l.*, e.eigenvalues\nFROM layers l JOIN esds e "
            f"USING (repo_id, revision, method, layer)\n{of}\nORDER BY depth, layer"
        ],
        "layers_text": _layers_text(portrait),
        "layer_columns": _LAYERS,
        "layer_rows": _layer_rows(layers),
        "measured_text": _measured(report.model, len(report.left_out)),
        "left_out_columns": _LEFT,
        "left_out": [
            [
                called(row["tensor"]),
                shown_number(row["count"]),
                shown_number(row["elements"]),
                row["reason"],
            ]
            for row in report.left_out.slice(0, _LEFT_OUT).to_pylist()
        ],
        "nearest": portrait.nearest,
        "nearest_sql": [
            "SELECT measure, other, value, probe, mode, neurons, selection\nFROM likeness\n"
            f"WHERE repo_id = {quoted(report.repo_id)} AND value IS NOT NULL\n"
            "ORDER BY measure, value"
        ],
        "revision_columns": _REVISIONS,
        "revisions": _revisions(portrait.revisions),
        "revision_sql": [
            "SELECT s.*, c.committed_at\nFROM summaries s JOIN commits c "
            f"USING (repo_id, revision, method)\nWHERE repo_id = {quoted(report.repo_id)}\n"
            "ORDER BY c.committed_at DESC"
        ],
    }


_FINDINGS: Final = (Column("Diagnosis"), Column("Verdict"), Column("In words", prose=True))
_AVERAGES: Final = (
    Column("Metric"),
    *(Column(name, right=True) for name in ("Mean", "Median", "By tail", "Place", "z")),
)
_LAYERS: Final = (
    Column("Layer"),
    *(Column(name) for name in ("kind", "role", "shape", "remark")),
    *(Column(name, METRICS[name].meaning, right=True) for name in SHOWN),
)
_LEFT: Final = (
    Column("Tensor"),
    Column("Tensors", right=True),
    Column("Elements", right=True),
    Column("Reason"),
)
_REVISIONS: Final = (
    Column("Revision"),
    *(Column(name) for name in ("method", "committed")),
    *(Column(name, METRICS[name].meaning, right=True) for name in LEADING_METRICS),
    Column("looks random", right=True),
)


def _facts(portrait: Portrait) -> list[tuple[str, Any]]:
    model = portrait.report.model
    told: dict[str, Any] = {
        "series": model["series"],
        "library": model["library"],
        "architecture": model["architecture"],
        "task": model["pipeline_tag"],
        "parameters": scaled(model["parameters"]),
        "weights": " ".join(
            each for each in (_bytes(model["bytes"]), model["weights_format"]) if each
        ),
        "base model": model["base_model"],
        "licence": model["license"],
        "created": model["created"],
        "changed": model["modified"],
        "downloads": shown_number(model["downloads"]),
        "likes": shown_number(model["likes"]),
        "source": model["source"],
        "revision": portrait.report.revision,
        "method": portrait.report.method,
    }
    return [(name, value) for name, value in told.items() if value]


def _averages(portrait: Portrait) -> list[list[str]]:
    averages, places = portrait.report.averages, portrait.diagnosis.findings[-1].numbers
    rows = []
    for name in LEADING_METRICS:
        if averages[name] is None:
            continue
        place, z = places.get(f"{name}_rank"), places.get(f"{name}_z")
        rows.append(
            [
                name,
                *shown_numbers([averages[f"{name}{form}"] for form in ("", "_median", "_by_tail")]),
                "" if place is None else f"{place} of {places['of']}",
                shown_number(z),
            ]
        )
    return rows


def _layer_rows(layers: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    columns = [
        *([row[name] for row in layers] for name in ("layer", "kind", "role")),
        ["×".join(map(str, row["shape"] or ())) for row in layers],
        [_remark(row) for row in layers],
        *(shown_numbers([row[name] for row in layers]) for name in SHOWN),
    ]
    return list(zip(*columns, strict=True))


def _remark(row: Mapping[str, Any]) -> str:
    """Why a layer has no fit, and what is warned of."""
    status = row["status"] if row["status"] != "success" else None
    return ", ".join(each for each in (status, row["warning"]) if each)


def _revisions(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    shares = [row["random_like"] for row in rows]
    columns = [
        *([row[name] for row in rows] for name in ("revision", "method")),
        [f"{row['committed_at']:%Y-%m-%d %H:%M}" for row in rows],
        *(shown_numbers([row[name] for row in rows]) for name in LEADING_METRICS),
        ["" if share is None else f"{100 * share:.0f} %" for share in shares],
    ]
    return list(zip(*columns, strict=True))


def _fitted(portrait: Portrait) -> Iterator[int]:
    """Places of the layers that have a power law and are of the network."""
    columns = (portrait.layers[name].to_pylist() for name in ("alpha", "in_network"))
    for place, (alpha, in_network) in enumerate(islice(zip(*columns, strict=True), MOST_LAYERS)):
        if alpha is not None and in_network:
            yield place


def _averages_text(averaged: int, layers: int) -> str:
    """Of how many layers the averages are; of imported averages the store has no layers."""
    if averaged < layers:
        return f"Averages over {averaged:,} of {counted(layers, 'layer')}: those with a telling fit"
    return f"Averages over {counted(averaged, 'layer')}"


def _depth_text(name: str, depth: Sequence[Mapping[str, Any]]) -> str:
    values = [row["alpha"] for row in depth if row["alpha"] is not None]
    told = f"{counted(len(depth), 'layer')} of {short(name)} over relative depth"
    if not values:
        return f"{told}; none has α."
    low, high = (shown_number(each) for each in (min(values), max(values)))
    few = f"of {len(values):,} of them, the others have none, " * (len(values) < len(depth))
    return f"{told}, α {few}{low} to {high}." if low != high else f"{told}, α {few}{low}."


def _layers_text(portrait: Portrait) -> str:
    layers, warnings = len(portrait.layers), portrait.report.warnings
    told = f"{counted(layers, 'layer')}; warnings: "
    told += ", ".join(f"{count} {name}" for name, count in sorted(warnings.items())) or "none"
    if layers > MOST_LAYERS:
        told += f". The first {MOST_LAYERS:,} by depth are drawn and listed; the SQL has all"
    return f"{told}."


def _measured(model: Mapping[str, Any], left: int) -> str:
    total, measured = model["parameters_total"], model["parameters_measured"]
    if total is None:
        return "Nothing is known of what its files hold: its numbers were imported."
    told = f"{measured:,} of {total:,} parameters are in layers that were measured"
    if model["coverage"] is not None:
        told += f", {100 * model['coverage']:.4g} % of what lies in matrices"
    if left > _LEFT_OUT:
        return f"{told}. The largest {_LEFT_OUT} of {left:,} kinds of what was left out:"
    return f"{told}. Left out:" if left else f"{told}; nothing was left out."


def _bytes(size: int | None) -> str:
    return "" if size is None else f"{scaled(size)}B"
