"""Do relatives come out nearer when only layers of the same output size are compared?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from zoo_analysis.activations import (
    Captured,
    Probe,
    capture,
    captured,
    comparable,
    load_network,
    load_probe,
    neuron_values,
)
from zoo_analysis.digits import digits_dir, digits_zoo, train
from zoo_analysis.similarity.network import neuronal_between
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.store.schemas import SIMILARITIES
from zoo_analysis.studies.analysis.affinity import APART, DIFFERENCE, affinities, affinity, judged
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.models_at_hand import Models, stored
from zoo_analysis.studies.study import Outcome, Setting, Study

_MEASURE: Final = "neuronal"
_SAMPLES: Final = 128
_POSITIONS: Final = 4
_CACHE_BYTES: Final = 2 << 30
_SMALL: Final = ("vgg-narrow", "vgg-shallow", "vit-narrow", "vit-shallow")


def shown(ref: ModelRef, probe: Probe, cache: Path) -> Captured:
    """What a model makes of a probe, from the cache where it is there."""

    def make() -> Captured:
        return capture(load_network(ref.path, ref.architecture), probe, positions=_POSITIONS)

    key = (ref.repo_id, ref.revision, probe.id)
    return captured(key, make, cache / "activations", _CACHE_BYTES)[0]


def likened(
    refs: Sequence[ModelRef], first: int, probe: Probe, cache: Path
) -> list[tuple[float, float, float]]:
    """The partial comparison of one model and each that comes after it.

    Args:
        refs: all models.
        first: number of the one.
        probe: what they are shown.
        cache: of activations.

    Returns:
        The mean of both directions, there, and back; NaN where no two layers are comparable.
    """

    a = shown(refs[first], probe, cache)
    ours = _arrays(a)
    found = []
    for ref in refs[first + 1 :]:
        b = shown(ref, probe, cache)
        fits = np.array([[comparable(x, y) for y in b.layers] for x in a.layers])
        both = neuronal_between(ours, _arrays(b), distance=False, comparable=fits.item)
        found.append((both.value, both.value_ab, both.value_ba))
    return found


def _arrays(seen: Captured) -> list[np.ndarray]:
    # Layers that are comparable had the same grid, so that each is pooled to its own.
    return [neuron_values(a, (_POSITIONS, _POSITIONS), "channel") for a in seen.layers]


def compared(setting: Setting) -> Models:
    """The digits zoo, trained where it is not there, shown held-out digits."""
    specs, home, samples = digits_zoo(), digits_dir(), _SAMPLES
    if setting.small:
        specs = [s for s in specs if s.name in _SMALL]
        specs = [replace(s, epochs=1) for s in specs]
        home, samples = setting.cache / "small-affinity" / "digits", 16
    paths: list[Path] = setting.spread("training", train, [(spec, home) for spec in specs])
    (*refs,) = map(resolve_revision, resolve_sources([str(path) for path in paths]).refs)
    probe = load_probe("digits", samples)
    setting.spread("capturing", shown, [(ref, probe, setting.cache) for ref in refs])
    n = len(refs)
    found = setting.spread(
        "comparing", likened, [(refs, i, probe, setting.cache) for i in range(n - 1)]
    )
    likeness, rows = np.full((n, n), np.nan), []
    for i, values in enumerate(found):
        for j, (value, there, back) in enumerate(values, start=i + 1):
            likeness[i, j] = likeness[j, i] = value
            rows.append(_row(refs[i], refs[j], probe, value, there, back))
    series = tuple(str(ref.series) for ref in refs)
    whose = f"models of the digits zoo shown {probe.id}"
    twins = np.array([[a.model_args == b.model_args for b in specs] for a in specs])
    return Models(series, likeness, whose, twins, pa.Table.from_pylist(rows, schema=SIMILARITIES))


def _row(a: ModelRef, b: ModelRef, probe: Probe, *values: float) -> dict[str, Any]:
    """A whole-model row of `similarities`, as `zoo correlate --mode partial` writes it."""
    value, there, back = (None if np.isnan(value) else value for value in values)
    if (a.repo_id, str(a.revision)) > (b.repo_id, str(b.revision)):
        a, b, there, back = b, a, back, there
    return {
        "repo_id_a": a.repo_id,
        "revision_a": a.revision,
        "repo_id_b": b.repo_id,
        "revision_b": b.revision,
        "measure": _MEASURE,
        "probe": probe.id,
        "mode": "partial",
        "value": value,
        "n_samples": probe.n,
        "neurons": "channel",
        "selection": "all",
        "value_ab": there,
        "value_ba": back,
    }


def _run(setting: Setting) -> Outcome:
    found = stored(setting.store, _MEASURE) if setting.store is not None else None
    found = found or compared(setting)
    rows = affinities(found.likeness, found.series, _MEASURE)
    overall, control = _difference(rows), None
    if found.twins is not None:
        others = np.where(found.twins, np.nan, found.likeness)
        without = affinity(others, found.series, _MEASURE, APART)
        rows, control = [*rows, *without], _difference(without)
    verdict, seen = judged(overall, found.whose, control)
    return outcome(rows, seen, verdict, found.rows)


def _difference(rows: Sequence[Estimate]) -> Estimate:
    return next(row for row in rows if row.quantity == DIFFERENCE)


STUDY: Final = Study(
    name="partial-affinity",
    title="Partial comparison within and between the series of the zoo at hand",
    finding="models of one series have a higher partial neuronal correlation than models of "
    "different series",
    source="Oskouie, Ghiasvand, Levine & Sarrafzadeh 2024, arXiv 2408.08448",
    seeds=1,
    run=_run,
    takes=4,
)
