"""Likeness within and between series."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.representations import pair_values
from zoo_analysis.activations import capture, load_network, load_probe
from zoo_analysis.similarity.neurons.neuron_maxima import neuronal_maxima, standardise
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import ESDS, LAYERS, SIMILARITIES
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.models_at_hand import stored
from zoo_analysis.studies.analysis.series_similarity import (
    ALL,
    APART,
    DIFFERENCE,
    by_series,
    judged,
)
from zoo_analysis.studies.partial_affinity import run
from zoo_analysis.studies.study import Outcome, Setting

SERIES = ["a", "a", "a", "b", "b", "b", "b"]


def similarity(gain: float, seed: int = 0, series: list[str] = SERIES) -> np.ndarray:
    """Symmetric noise, and a gain within series."""
    told = np.array(series)
    noise = np.random.default_rng(seed).normal(size=(len(told), len(told)))
    values = (noise + noise.T) / 2 + gain * (told[:, None] == told)
    np.fill_diagonal(values, np.nan)
    return values


def difference(rows: list[Estimate]) -> Estimate:
    (row,) = [row for row in rows if (row.group, row.quantity) == (ALL, DIFFERENCE)]
    return row


def test_the_p_value_is_mantels_over_all_orders() -> None:
    series = ["a", "a", "b", "b", "b", "c"]
    values = similarity(0.3, series=series)
    upper = np.triu_indices(6, 1)

    def apart(labels: tuple[str, ...]) -> float:
        told = np.array(labels)
        kin = (told[:, None] == told)[upper]
        return float(values[upper][kin].mean() - values[upper][~kin].mean())

    found = difference(by_series(values, series, "neuronal"))
    chances = np.array([apart(labels) for labels in permutations(series)])
    observed = apart(tuple(series))
    assert found.value == pytest.approx(observed)
    tails = [(chances >= observed - 1e-12).mean(), (chances <= observed + 1e-12).mean()]
    assert found.p_value == pytest.approx(min(1, 2 * min(tails)))


@pytest.mark.parametrize(("gain", "seen"), [(5.0, True), (-5.0, False), (0.0, False)])
def test_the_finding_is_that_relatives_are_nearer(gain: float, seen: bool) -> None:
    series = [*"aaabbbccc"]
    values = similarity(gain, series=series)
    verdict, answer = judged(difference(by_series(values, series, "m")), "models")
    assert answer is seen
    assert verdict.startswith("Seen" if seen else "Not seen")


def test_pairs_that_cannot_be_compared_do_not_count() -> None:
    values = similarity(1.0)
    values[0, 3] = values[3, 0] = np.nan
    told = np.array(SERIES)
    rows = by_series(values, SERIES, "m")
    between = values[:3, 3:][np.isfinite(values[:3, 3:])]
    within = [values[i, j] for i in range(7) for j in range(i) if told[i] == told[j]]
    assert difference(rows).value == pytest.approx(np.mean(within) - between.mean())
    assert [row.n for row in rows[:3]] == [9, 11, 7]


def test_a_series_is_set_against_all_others() -> None:
    values = similarity(1.0)
    rows = [row for row in by_series(values, SERIES, "m") if row.group == "a"]
    assert rows[0].value == pytest.approx(values[[0, 0, 1], [1, 2, 2]].mean())
    assert rows[1].value == pytest.approx(values[:3, 3:].mean())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two series of two models each, partly compared in full, and all pairs partially."""
    opened = open_store(tmp_path)
    layers, esds = (t.empty_table().select(["layer"]) for t in (LAYERS, ESDS))
    names = ["x/1", "x/2", "y/1", "y/2"]
    opened.commit_models(
        [
            ModelRows({"repo_id": n, "revision": "r", "series": n[0]}, "default", layers, esds)
            for n in names
        ],
        "scan",
    )
    shared = {"revision_a": "r", "revision_b": "r", "measure": "neuronal", "probe": "p-1"}
    rows = [
        shared
        | {"repo_id_a": a, "repo_id_b": b, "mode": mode, "value": value, "neurons": "channel"}
        for mode, kin, other in (("partial", 0.9, 0.1), ("full", 0.5, 0.5))
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        for value in [kin if a[0] == b[0] else other]
    ]
    opened.append("similarities", pa.Table.from_pylist(rows, schema=SIMILARITIES))
    return opened


def test_partial_comparisons_of_the_store_are_used_where_series_are_known(store: Store) -> None:
    found = stored(store, "neuronal")
    assert found is not None
    assert found.series == ("x", "x", "y", "y")
    assert found.rows is None
    assert "p-1" in found.whose
    expected = np.full((4, 4), 0.1)
    expected[:2, :2] = expected[2:, 2:] = 0.9
    np.fill_diagonal(expected, np.nan)
    np.testing.assert_array_equal(found.similarity, expected)


def test_a_store_without_partial_comparisons_is_of_no_use(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append("similarities", pa.Table.from_pylist([{"mode": "full"}], schema=SIMILARITIES))
    assert stored(store, "neuronal") is None


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    cache = tmp_path_factory.mktemp("cache")
    return cache, run(Setting(cache, seeds=1, small=True))


def test_a_small_run_keeps_what_comparing_two_models_by_hand_gives(
    found: tuple[Path, Outcome],
) -> None:
    cache, outcome = found
    assert outcome.similarities is not None
    rows = {(r["repo_id_a"], r["repo_id_b"]): r for r in outcome.similarities.to_pylist()}
    assert len(rows) == 6
    groups = set(outcome.table["group"].to_pylist())
    assert groups == {ALL, "digits-vgg", "digits-vit", APART}
    row = rows["digits/vit-narrow", "digits/vit-shallow"]
    probe = load_probe("digits", 16)
    assert (row["probe"], row["mode"], row["n_samples"]) == (probe.id, "partial", 16)
    zoo = cache / "small-affinity" / "digits"
    a, b = (capture(load_network(str(zoo / name)), probe) for name in ("vit-narrow", "vit-shallow"))
    best: list[dict[int, list[np.ndarray]]] = [{}, {}]
    for i, x in enumerate(a.layers):
        for j, y in enumerate(b.layers):
            if x.size == y.size:
                pair = pair_values(x, y, "channel")
                assert pair is not None
                for side, which, maxima in zip(
                    best, (i, j), neuronal_maxima(*map(standardise, pair)), strict=True
                ):
                    side.setdefault(which, []).append(maxima.numpy())
    there, back = (
        np.concatenate([np.max(values, axis=0) for values in side.values()]).mean() for side in best
    )
    assert row["value_ab"] == pytest.approx(there, abs=1e-6)
    assert row["value"] == pytest.approx((there + back) / 2, abs=1e-6)
