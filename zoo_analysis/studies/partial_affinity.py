"""Similarity of relatives, when only layers of the same output size are compared."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from zoo_analysis.activations import Captured, Probe, capture, captured, load_network, load_probe
from zoo_analysis.digits import digits_dir, digits_zoo, train
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.pairwise.prepared import PreparedCache
from zoo_analysis.pairwise.scores import similarity_rows
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.neurons.neuronal_correlation import neuronal
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.store.schemas import SIMILARITIES
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.models_at_hand import Models, stored
from zoo_analysis.studies.analysis.series_similarity import (
    APART,
    DIFFERENCE,
    by_series,
    judged,
    within_and_between,
)
from zoo_analysis.studies.study import Outcome, Setting

_PARTIAL: Final = ComparisonSettings(mode="partial")
_SAMPLES: Final = 128
_CACHE_BYTES: Final = 2 << 30
_SMALL: Final = ("vgg-narrow", "vgg-shallow", "vit-narrow", "vit-shallow")


def activations_of(ref: ModelRef, probe: Probe, cache: Path) -> ModelActivations:
    """A model's activations over a probe, from the cache where they are there.

    Args:
        ref: the model.
        probe: what it is shown.
        cache: directory of the study.
    """

    def make() -> Captured:
        network = load_network(ref.path, ref.architecture)
        return capture(network, probe, positions=_PARTIAL.positions)

    key = (ref.repo_id, ref.revision, probe.id)
    return ModelActivations(key, captured(key, make, cache / "activations", _CACHE_BYTES)[0])


def similarities_with_later(
    refs: Sequence[ModelRef], first: int, probe: Probe, cache: Path
) -> list[dict[str, Any]]:
    """The partial comparison of one model and each that comes after it, as `zoo correlate` has it.

    Args:
        refs: all models.
        first: number of the one.
        probe: what they are shown.
        cache: directory of the study.

    Returns:
        A row of the table `similarities` for each two models.
    """
    key, prepared = _PARTIAL.key(neuronal, probe.id, "images"), PreparedCache()
    one = activations_of(refs[first], probe, cache)
    rows = []
    for ref in refs[first + 1 :]:
        other = activations_of(ref, probe, cache)
        by_name = {(r.repo_id, str(r.revision)): x for r, x in ((refs[first], one), (ref, other))}
        a, b = sorted(by_name)
        found = compare_activations(by_name[a], by_name[b], neuronal, _PARTIAL, cache=prepared)
        rows += similarity_rows(a, b, [(key, found.scores[-1:])]).to_pylist()
    return rows


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
    setting.spread("capturing", activations_of, [(ref, probe, setting.cache) for ref in refs])
    n = len(refs)
    found = setting.spread(
        "comparing",
        similarities_with_later,
        [(refs, i, probe, setting.cache) for i in range(n - 1)],
    )
    rows = [row for part in found for row in part]
    upper = np.full((n, n), np.nan)
    upper[np.triu_indices(n, 1)] = [row["value"] for row in rows]
    similarity = np.fmax(upper, upper.T)
    series = tuple(str(ref.series) for ref in refs)
    whose = f"models of the digits zoo shown {probe.id}"
    twins = np.array([[a.model_args == b.model_args for b in specs] for a in specs])
    table = pa.Table.from_pylist(rows, schema=SIMILARITIES)
    return Models(series, similarity, whose, twins, table)


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    found = stored(setting.store, neuronal.name) if setting.store is not None else None
    found = found or compared(setting)
    rows = by_series(found.similarity, found.series, neuronal.name)
    overall, control = _difference(rows), None
    if found.twins is not None:
        others = np.where(found.twins, np.nan, found.similarity)
        without = within_and_between(others, found.series, neuronal.name, APART)
        rows, control = [*rows, *without], _difference(without)
    verdict, seen = judged(overall, found.whose, control)
    return outcome(rows, seen, verdict, found.rows)


def _difference(rows: Sequence[Estimate]) -> Estimate:
    return next(row for row in rows if row.quantity == DIFFERENCE)
