"""Metrics of layers over relative depth, with what the diagnoses find."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import altair as alt

from zoo_analysis.answers.diagnosis import Diagnosis, diagnose
from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import listed
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import (
    WIDTH,
    counted,
    embedded,
    finished,
    layered,
    number,
    short,
)
from zoo_analysis.report.figures.thinning import MOST, thinned, told
from zoo_analysis.spectra.layer_warnings import OVER_TRAINED, UNDER_TRAINED
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store import Store, as_store

Colour = Literal["kind", "role", "model"]
#: Metrics that are drawn unless others are asked for.
DRAWN: Final = ("alpha", "log_spectral_norm", "stable_rank")
#: Models that one chart sets over each other.
OVERLAID: Final = 8
#: Height of a metric's panel, in pixels.
_HEIGHT: Final = 190
_LAYERS: Final = """
SELECT * FROM network_layers
WHERE repo_id = $repo_id AND revision = $revision AND method = $method ORDER BY depth, layer
"""
#: Diagnoses that name layers: the word for these, and the metrics that show it; all where none.
MARKED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "training": ("over- or under-trained", ("alpha", "alpha_weighted", "log_alpha_norm")),
    "scale collapse": ("off the scale", ("log_spectral_norm", "lambda_max", "log_norm")),
    "rank collapse": ("rank collapsed", ()),
    "correlation traps": ("correlation traps", ()),
}


@dataclass(frozen=True)
class Profile:
    """A model's diagnosis and its layers as rows of a chart.

    Attributes:
        found: the diagnosis.
        rows: a layer each, in the order of depth: model, layer, kind, role, relative position,
            the words of diagnoses that name it, and metrics.
    """

    found: Diagnosis
    rows: list[dict[str, Any]]

    @property
    def flow(self) -> tuple[float, float] | None:
        """α at the beginning and at the end of the Theil–Sen line over depth."""
        for finding in self.found.findings:
            if finding.diagnosis == "correlation flow" and "slope" in finding.numbers:
                start, rise = (float(finding.numbers[each] or 0) for each in ("intercept", "slope"))
                return start, start + rise
        return None


def depth(
    store: Store | str | Path | None,
    models: Sequence[str] | str,
    metrics: Sequence[str] | str = DRAWN,
    *,
    colour: Colour | None = None,
    method: str | None = None,
) -> alt.VConcatChart:
    """Metrics of every layer over relative depth, a panel each; models are set over each other.

    Of α it shows the band from 2 to 6 that `diagnose` calls neither over- nor under-trained, and
    the line of its correlation flow. Layers that a diagnosis names are ringed.

    Args:
        store: a store, or what `open_store` takes.
        models: repository ids, or unique parts of one.
        metrics: columns of `layers`.
        colour: by kind or role of layers, or by model; None is kind for one model, else model.
        method: the beginning of a method's id; None is the one committed last.

    Raises:
        QueryError: no such model, several, one without layers; an unknown metric; too many models.
        StoreError: there is no store.
    """
    store = as_store(store)
    names, columns = listed(models), listed(metrics)
    if unknown := [each for each in columns if each not in METRICS]:
        raise QueryError(f"no metric {unknown[0]!r} of layers; there are: {', '.join(METRICS)}")
    if len(names) > OVERLAID:
        raise QueryError(f"{len(names)} models: one chart shows at most {OVERLAID}")
    if colour is not None and colour not in get_args(Colour):
        raise QueryError(f"colour is {colour!r}: use one of {', '.join(get_args(Colour))}")
    profiles = [_profile(store, name, columns, method) for name in names]
    by = colour or ("kind" if len(profiles) == 1 else "model")
    rows = [row for profile in profiles for row in profile.rows]
    if not rows:
        raise QueryError(f"the store has averages only of {', '.join(names)}: no layers to draw")
    keep = thinned([[row[name] for row in rows] for name in columns], MOST)
    drawn = embedded(rows[i] for i in keep)
    groups = list(dict.fromkeys(short(str(row[by])) for row in rows))
    # Shapes have the same domain, so that both are one legend.
    looks = theme.told_apart(len(groups))
    colours = alt.Color(f"{by}:N").title(by).scale(domain=groups, range=looks[0])
    shapes = alt.Shape(f"{by}:N").title(by).scale(domain=groups, range=looks[1])
    flows = [line for profile in profiles for line in _flow(profile)]
    panels = [
        _panel(
            drawn,
            name,
            colours,
            shapes if by != "model" else None,
            flows if name == "alpha" else [],
            last=name == columns[-1],
        )
        for name in columns
    ]
    caption = [_in_words(profile, len(profiles) == 1) for profile in profiles]
    caption += _drawn_in_words([rows[i] for i in keep], columns, flows)
    caption += [
        f"No layer has {_label(name)}."
        for name in columns
        if all(row[name] is None for row in rows)
    ]
    caption.append(told(len(keep), len(rows), "layers"))
    methods = dict.fromkeys(profile.found.model.method for profile in profiles)
    caption.append(f"Method {', '.join(methods)}.")
    title = f"{', '.join(short(p.found.model.repo_id) for p in profiles)} over depth"
    chart: alt.VConcatChart = alt.vconcat(*panels, spacing=14)
    chart = chart.resolve_scale(color="shared", shape="shared")
    return finished(chart, title, caption, WIDTH + 150)


def _profile(store: Store, name: str, columns: Sequence[str], method: str | None) -> Profile:
    found = diagnose(store, name, None, method)
    return profile_of(found, store.run(_LAYERS, found.model.key).to_pylist(), columns)


def profile_of(
    found: Diagnosis, layers: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> Profile:
    """A model's layers over relative depth.

    Args:
        found: on the model.
        layers: its rows of `network_layers`, in the order of depth.
        columns: metrics of `layers`.
    """
    marks: dict[str, list[str]] = {}
    for finding in found.findings:
        for layer in finding.layers if finding.diagnosis in MARKED else ():
            marks.setdefault(layer, []).append(MARKED[finding.diagnosis][0])
    deepest = max((layer["depth"] or 0 for layer in layers), default=0)
    rows = [
        {
            "model": short(found.model.repo_id),
            "layer": layer["layer"],
            "kind": short(str(layer["kind"])),
            "role": short(str(layer["role"])),
            "position": (layer["depth"] or 0) / max(deepest, 1),
            "named": ", ".join(marks.get(layer["layer"], [])),
            **{column: layer[column] for column in columns},
        }
        for layer in layers
    ]
    return Profile(found, rows)


def _panel(
    drawn: alt.InlineData,
    metric: str,
    colours: alt.Color,
    shapes: alt.Shape | None,
    flows: Sequence[dict[str, Any]],
    *,
    last: bool,
) -> alt.LayerChart:
    x = (
        alt.X("position:Q")
        .scale(domain=[0, 1], padding=8)
        .title("relative depth (0 the first layer, 1 the last)" if last else None)
        .axis(labels=last)
    )
    y = alt.Y(f"{metric}:Q").scale(zero=False, nice=False, padding=8).title(_label(metric))
    by = str(colours.shorthand)
    hover: list[Any] = [
        "model:N",
        "layer:N",
        "kind:N",
        "role:N",
        alt.Tooltip(f"{metric}:Q", format=".4~g"),
    ]
    base = alt.Chart(drawn).encode(x, y, tooltip=[*hover, "named:N"])
    layers: list[alt.Chart] = []
    if metric == "alpha":
        band = embedded([{"from": OVER_TRAINED, "to": UNDER_TRAINED}])
        layers.append(
            alt.Chart(band)
            .mark_rect(color=theme.GREEN, opacity=0.10)
            .encode(alt.Y("from:Q").title(_label(metric)), alt.Y2("to:Q"))
        )
    points = base.mark_point(filled=True, size=45, opacity=0.8).encode(colours)
    layers.append(points if shapes is None else points.encode(shapes))
    ringed = base.transform_filter(f"test(/{'|'.join(_words(metric))}/, datum.named)")
    layers.append(ringed.mark_point(size=150, color=theme.BLACK, strokeWidth=1.4, filled=False))
    if flows:
        line = alt.Chart(embedded(flows)).mark_line(strokeDash=[6, 3], strokeWidth=1.8)
        tinted = colours if by == "model:N" else alt.value(theme.BLACK)
        layers.append(line.encode(x, alt.Y("alpha:Q"), alt.Detail("model:N"), color=tinted))
    return layered(layers, WIDTH, _HEIGHT)


def _flow(profile: Profile) -> Iterator[dict[str, Any]]:
    for position, alpha in zip((0.0, 1.0), profile.flow or (), strict=False):
        yield {
            "model": short(profile.found.model.repo_id),
            "position": position,
            "alpha": alpha,
        }


def _label(metric: str) -> str:
    return {
        "alpha": "α",
        "log_spectral_norm": "log10 λ_max",
        "stable_rank": "stable rank",
    }.get(metric, metric)


def _words(metric: str) -> list[str]:
    """Words of the diagnoses whose layers are ringed in the panel of a metric."""
    return [word for word, metrics in MARKED.values() if not metrics or metric in metrics]


def _in_words(profile: Profile, alone: bool) -> str:
    """Verdicts of the diagnoses, or of several models the one on being trained at all."""
    found = profile.found
    values = [row["alpha"] for row in profile.rows if row.get("alpha") is not None]
    told = f"{short(found.model.repo_id)}: {counted(len(profile.rows), 'layer')}"
    if values:
        low, high = number(min(values)), number(max(values))
        some = f", of which {len(values):,} {'has' if len(values) == 1 else 'have'} α:"
        told += ", α" if len(values) == len(profile.rows) else some
        told += f" {low}" if low == high else f" {low} to {high}"
    if not alone:
        return f"{told}, {_random_in_words(found)}."
    verdicts = "; ".join(f"{each.diagnosis}: {each.verdict}" for each in found.findings)
    return f"{told}. {verdicts[0].upper()}{verdicts[1:]}."


def _random_in_words(found: Diagnosis) -> str:
    """How many layers have the spectrum of a random initialisation."""
    for finding in found.findings:
        if "judged" in finding.numbers:
            return f"{finding.numbers['random_like']} of {finding.numbers['judged']} look random"
    return "whether they look random is not told"


def _drawn_in_words(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], flows: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Sentences on what is drawn beside the layers' points."""
    if "alpha" in columns:
        yield "Shaded: α from 2 to 6, neither over- nor under-trained."
        if flows:
            yield "Dashed: correlation flow, the trend of α over layers with structure."
    ringed = {
        word
        for row in rows
        for metric in columns
        for word in _words(metric)
        if word in row["named"] and row[metric] is not None
    }
    if ringed:
        yield f"Ringed: {', '.join(sorted(ringed))}, as diagnosed."
