"""Data that a model's page draws: layers over depth, and the spectrum of each, binned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from zoo_analysis.answers.portraits import Portrait
from zoo_analysis.report.figures.depth_profile import MARKED, profile_of
from zoo_analysis.report.figures.layer_spectrum import LayerSpectrum, spectrum_of
from zoo_analysis.report.figures.spectrum_chart import (
    bulk,
    histogram,
    in_words,
    law,
    rules,
    spikes,
)
from zoo_analysis.report.figures.theme import short
from zoo_analysis.spectra.layer_warnings import OVER_TRAINED, UNDER_TRAINED
from zoo_analysis.spectra.metrics import SHOWN
from zoo_analysis.store import Store

#: Metrics that are drawn over depth; what is yes or no of a layer is none.
DRAWN: Final = tuple(name for name in SHOWN if name != "random_like")
#: Layers of a model that are drawn and listed, the first by depth; the rest the store tells.
MOST_LAYERS: Final = 2_000
#: Spectra of one file.
PER_FILE: Final = 100
#: Points of the bulk's curve.
_POINTS: Final = 24
_ESDS: Final = """
SELECT repo_id, revision, method, layer, eigenvalues FROM esds
WHERE repo_id IN (SELECT unnest($models))
"""


def eigenvalues(store: Store, models: Sequence[str]) -> dict[tuple[str, ...], Any]:
    """Eigenvalues (n,), ascending, by repository id, revision, method and layer."""
    table = store.run(_ESDS, {"models": [*models]})
    keys = zip(
        *(table[name].to_pylist() for name in ("repo_id", "revision", "method", "layer")),
        strict=True,
    )
    lists = table["eigenvalues"].combine_chunks()
    flat, ends = lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()
    return {key: flat[ends[i] : ends[i + 1]] for i, key in enumerate(keys)}


def depth_data(portrait: Portrait, layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Layers over relative depth as the page draws them.

    Args:
        portrait: of the model.
        layers: its rows of `layers` that are shown; those of no network are not drawn.
    """
    network = [row for row in layers if row["in_network"]]
    profile = profile_of(portrait.diagnosis, network, DRAWN)
    return {
        "layers": [short(row["layer"], 90) for row in network],
        "kinds": [row["kind"] for row in profile.rows],
        "positions": [row["position"] for row in profile.rows],
        "named": [row["named"] for row in profile.rows],
        "marked": dict(MARKED.values()),
        "metrics": {name: [row[name] for row in profile.rows] for name in DRAWN},
        "band": [OVER_TRAINED, UNDER_TRAINED],
        "flow": profile.flow,
    }


def spectra_data(
    portrait: Portrait, layers: Sequence[Mapping[str, Any]], evals: Mapping[tuple[str, ...], Any]
) -> Iterator[dict[str, Any] | None]:
    """The spectrum of each layer as the page draws it; None where the store has none.

    Args:
        portrait: of the model.
        layers: its rows of `layers` that are shown.
        evals: as `eigenvalues` returns them.
    """
    key = tuple(portrait.report.key.values())
    for row in layers:
        values = evals.get((*key, row["layer"]))
        if values is None or not len(values):
            yield None
        else:
            yield _spectrum(spectrum_of(portrait.report, row, values))


def _spectrum(spectrum: LayerSpectrum) -> dict[str, Any] | None:
    if not len(spectrum.counted):
        return None
    edges, counts = histogram(spectrum)
    curve = list(bulk(spectrum, _POINTS))
    return {
        "of": len(spectrum.evals),
        "ends": [float(edges[0]), float(edges[-1])],
        "counts": counts.tolist(),
        "law": [[row["low"], row["height"]] for row in law(spectrum, points=2)],
        "bulk": [curve[0]["low"], curve[-1]["low"], [row["height"] for row in curve]]
        if curve
        else None,
        "rules": [[row["what"], row["low"], row.get("high")] for row in rules(spectrum)],
        "spikes": [row["low"] for row in spikes(spectrum)],
        "text": " ".join(each for each in in_words(spectrum) if each),
    }
