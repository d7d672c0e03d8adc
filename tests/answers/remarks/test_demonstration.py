"""The demonstration says what its numbers show, and no more."""

from typing import Any

import pyarrow as pa

from tests.support.small_models import model_rows
from zoo_analysis.answers.regressions import regress
from zoo_analysis.answers.remarks.demonstration import (
    Twins,
    told_of_digits,
    told_of_twins,
    twins,
)
from zoo_analysis.store import ModelRows, Store, open_store

METHOD = "default"


def net(name: str, alpha: float, random: int, series: str) -> ModelRows:
    """A model of eight layers, of which so many look random."""
    rows = model_rows(f"lab/{name}", method=METHOD, alphas=[alpha] * 8, series=series)
    flags = pa.array([1.0] * random + [0.0] * (8 - random))
    layers = rows.layers.append_column("random_like", flags)
    return ModelRows(rows.model, METHOD, layers, rows.esds)


def zoo(store: Store, accuracies: dict[str, float]) -> None:
    told = {"dataset": "digits", "metric": "accuracy", "source": "card"}
    rows = [
        {**told, "repo_id": f"lab/{name}", "value": value} for name, value in accuracies.items()
    ]
    store.append("accuracies", pa.Table.from_pylist(rows))


def test_twins_are_set_side_by_side_where_both_are_there(tmp_path: Any) -> None:
    store = open_store(tmp_path)
    models = [net("a", 3.0, 2, "s"), net("a-random", 3.0, 8, "s"), net("b", 3.0, 0, "s")]
    store.commit_models(models, "scan")
    pairs = {"lab/a": "lab/a-random", "lab/b": "lab/none"}
    assert twins(store, pairs, METHOD) == [Twins("lab/a", "lab/a-random", 8, 0.25, 1.0)]


def test_shares_that_do_not_overlap_part_trained_from_untrained_and_others_do_not() -> None:
    def pair(trained: float, untrained: float) -> Twins:
        return Twins("a", "b", 10, trained, untrained)

    first, second = told_of_twins([pair(0.03, 1.0), pair(0.2, 0.98)])
    assert "3 to 20 % of the layers look random" in first
    assert "98 to 100 %" in first
    assert "tells each trained model" in second
    assert "does not tell them apart" in told_of_twins([pair(0.03, 0.5), pair(0.6, 1.0)])[1]
    assert "No packaged model is installed" in told_of_twins([])[0]


def test_a_correlation_that_chance_explains_is_not_called_one(tmp_path: Any) -> None:
    store = open_store(tmp_path)
    alphas = [2.0, 5.0, 3.0, 4.5, 2.5, 4.0]
    store.commit_models([net(f"n{i}", a, 8, "s") for i, a in enumerate(alphas)], "scan")
    zoo(store, {f"n{i}": 90.0 + i for i in range(6)})
    told = told_of_digits(store, regress(store, "alpha", "digits"), METHOD)
    assert told[0].startswith("s: of these metrics alpha goes with accuracy most closely, τ = +0.")
    assert (
        told[1] == "Of 1 correlation none stands out from chance once so many are tried (q < 0.05)."
    )
    assert "neither show nor rule out" in told[2]
    assert told[3] == (
        "s: its 6 models look random, though they are 90 to 95 % right: "
        "the share is said of spectra, not of accuracy."
    )


def test_one_that_chance_does_not_explain_is_named(tmp_path: Any) -> None:
    store = open_store(tmp_path)
    store.commit_models([net(f"n{i}", 2 + 0.1 * i, 0, "s") for i in range(10)], "scan")
    zoo(store, {f"n{i}": 90.0 - i + 0.3 * (i % 2) for i in range(10)})
    told = told_of_digits(store, regress(store, "alpha", "digits"), METHOD)
    assert "1 stands out from chance once so many are tried (q < 0.05): alpha in s." in told[1]
    assert not any("look random" in line or "nor rule out" in line for line in told)
