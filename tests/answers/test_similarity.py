"""Questions about likeness, on similarities made by hand."""

import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import zoo_analysis
from tests.support.command import zoo
from tests.support.plug_ins import install
from zoo_analysis.answers import regressions
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.answers.ranking import rank
from zoo_analysis.errors import QueryError
from zoo_analysis.imports.commit import import_tables
from zoo_analysis.similarity import Measure
from zoo_analysis.similarity.registry import get_measure, measures
from zoo_analysis.stats import regress
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import SIMILARITIES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
#: Of a to e in the order of pairs.
NAMES = [f"lab/{name}" for name in "abcde"]
NEURONAL = [0.9, 0.6, 0.5, 0.2, 0.7, 0.4, 0.1, 0.8, 0.3, 0.55]
ACCURACY = {"lab/a": 90.0, "lab/b": 88.0, "lab/c": 80.0, "lab/d": 75.0, "lab/e": 60.0}
PHOTOS, NOISE = "photos-0123456789ab", "noise-abcdef012345"


def row(a: str, b: str, measure: str, value: float | None, **more: Any) -> dict[str, Any]:
    plain = {
        "repo_id_a": a,
        "revision_a": "r",
        "repo_id_b": b,
        "revision_b": "r",
        "measure": measure,
        "value": value,
        "probe": PHOTOS,
        "mode": "full",
        "neurons": "channel",
        "selection": "all",
        "n_samples": 8,
        "run_id": "run",
        "computed_at": NOW,
    }
    return plain | more


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("similar")
    lines = ["model,series,dataset,top1,alpha"]
    lines += [f"{n},{'s' if n < 'lab/d' else 'q'},d,{v},{v / 30}" for n, v in ACCURACY.items()]
    (folder / "zoo.csv").write_text("\n".join(lines) + "\n")
    store = open_store(folder / "store")
    import_tables(store, [folder / "zoo.csv"])
    pairs = [(a, b) for i, a in enumerate(NAMES) for b in NAMES[i + 1 :]]
    rows = [row(*pair, "neuronal", v) for pair, v in zip(pairs, NEURONAL, strict=True)]
    rows[0] |= {"value_ab": 0.95, "value_ba": 0.85}
    # An earlier number of the first pair, which the later one replaces.
    rows.append(rows[0] | {"value": 0.0, "computed_at": NOW - timedelta(1)})
    rows += [row(*pair, "procrustes", 1 - v) for pair, v in zip(pairs, NEURONAL, strict=True)]
    rows += [
        row(*pair, "cka", v, probe=p)
        for pair in pairs[:3]
        for p, v in ((PHOTOS, 0.5), (NOISE, 0.6))
    ]
    rows.append(row("lab/a", "lab/b", "weight_cka", None, probe="weights"))
    layers = {("x", "p"): 0.2, ("x", "q"): 0.9, ("y", "p"): 0.4, ("y", "q"): 0.3}
    for measure, sign in (("cka", 1), ("procrustes", -1)):
        rows += [
            row("lab/a", "lab/b", measure, sign * v, layer_a=x, layer_b=y)
            for (x, y), v in layers.items()
        ]
    store.append("similarities", pa.Table.from_pylist(rows, schema=SIMILARITIES))
    return store


def test_the_nearest_models_come_first_whatever_the_measures_direction(store: Store) -> None:
    for measure in ("neuronal", "procrustes"):
        told = zoo("similar", "lab/c", "--measure", measure, "--store", store.uri, "-f", "json")
        rows = json.loads(told.out)
        assert [r["repo_id"] for r in rows] == ["lab/d", "lab/b", "lab/a", "lab/e"], told.err
        assert [r["accuracy"] for r in rows] == [75.0, 88.0, 90.0, 60.0]
    assert rows[0]["series"] == "q"
    few = zoo("similar", "c", "--limit", 2, "--store", store.uri, "-f", "csv").out
    assert len(few.splitlines()) == 3


def test_sides_are_told_from_the_model_that_was_asked_for(store: Store) -> None:
    for model, sides in (("lab/a", (0.95, 0.85)), ("lab/b", (0.85, 0.95))):
        (first, *_) = json.loads(zoo("similar", model, "--store", store.uri, "-f", "json").out)
        assert (first["value"], first["value_to_other"], first["value_from_other"]) == (0.9, *sides)


def test_a_matrix_is_symmetric_with_the_series_side_by_side(store: Store) -> None:
    told = zoo("matrix", "--store", store.uri, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(told.out)))
    names = ["lab/d", "lab/e", "lab/a", "lab/b", "lab/c"]
    assert [r["repo_id"] for r in rows] == names == list(rows[0])[1:]
    cells = {(r["repo_id"], name): r[name] for r in rows for name in names}
    assert all(cells[i, j] == cells[j, i] for i in names for j in names)
    assert (cells["lab/a", "lab/b"], cells["lab/d", "lab/e"]) == ("0.9", "0.55")
    assert cells["lab/a", "lab/a"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["matrix", "--measure", "cka"], "choose one with --probe: noise-"),
        (["matrix", "--measure", "ckaa"], "no measure 'ckaa'; did you mean cka"),
        (["matrix", "--probe", "digits"], f"no probe 'digits'; there are: {PHOTOS}"),
        (["matrix", "--layers", "last"], "no selection 'last'; there are: all"),
        (["similar", "lab"], "'lab' fits 5 models"),
        (["similar", "lab/x"], "no model 'lab/x'; did you mean"),
    ],
)
def test_what_is_not_there_or_not_one_thing_is_one_line(
    store: Store, arguments: list[str], message: str
) -> None:
    told = zoo(*arguments, "--store", store.uri)
    assert (told.code, told.out) == (2, "")
    assert message in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_the_beginning_of_a_probe_chooses_it(store: Store) -> None:
    told = zoo("matrix", "--measure", "cka", "--probe", "noise", "--store", store.uri, "-f", "json")
    cells = {r["repo_id"]: r["lab/b"] for r in json.loads(told.out)}
    assert cells == {"lab/a": 0.6, "lab/b": None, "lab/c": None, "lab/d": None}


def test_every_measure_is_listed_with_what_is_known_of_it() -> None:
    rows = {r["measure"]: r for r in json.loads(zoo("measures", "-f", "json").out)}
    assert set(rows) == set(measures())
    assert rows["procrustes"]["higher"] == "less alike"
    assert rows["cka"]["range"] == "0 … 1"
    assert "orthogonal" in rows["cka"]["invariant_to"]
    assert all(r["source"] for r in rows.values())


def test_the_store_knows_which_measures_are_distances(store: Store) -> None:
    known = store.run("SELECT measure FROM raw.distances")["measure"].to_pylist()
    assert sorted(known) == sorted(
        name for name in measures() if get_measure(name).higher == "less alike"
    )


def test_the_store_knows_it_of_measures_of_other_packages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Measure("far", float, lambda p, q: 0.0, "outputs", (0.0, 1.0), "less alike")
    install(monkeypatch, far=far, broken=ImportError("no module named pack"))
    known = store.run("SELECT measure FROM raw.distances")["measure"].to_pylist()
    assert "far" in known
    assert "broken" not in known


def ask(store: Store, name: str, columns: str, **params: object) -> list[tuple[Any, ...]]:
    table = store.run(name, params).select(columns.split())
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize(("measure", "sign"), [("cka", 1), ("procrustes", -1)])
def test_layer_matches(store: Store, measure: str, sign: int) -> None:
    """Each layer with its best match, from either side."""
    shown = "repo_id layer other_layer value"
    assert ask(store, "layer-matches", shown, a="lab/a", b="lab/b", measure=measure) == [
        ("lab/a", "x", "q", sign * 0.9),
        ("lab/a", "y", "p", sign * 0.4),
        ("lab/b", "p", "y", sign * 0.4),
        ("lab/b", "q", "x", sign * 0.9),
    ]


def test_likeness_vs_accuracy(store: Store) -> None:
    shown = "reference models pearson spearman"
    rows = {r[0]: r[1:] for r in ask(store, "likeness-vs-accuracy", shown, measure="neuronal")}
    assert {name: values[0] for name, values in rows.items()} == dict.fromkeys(NAMES, 4)
    # Likeness of b, c, d, e to a, and their accuracies, fall together.
    assert rows["lab/a"][2] == pytest.approx(1)
    x, y = [0.9, 0.6, 0.5, 0.2], [88.0, 80.0, 75.0, 60.0]
    fit = regress(x, y)
    assert rows["lab/a"][1] == pytest.approx(math.sqrt(fit.r2))
    assert ask(store, "likeness-vs-accuracy", shown, measure="neuronal", min_models=5) == []
    assert (
        len(ask(store, "likeness-vs-accuracy", shown, reference="lab/a", measure="neuronal")) == 1
    )


@pytest.mark.filterwarnings("error::pandas.errors.PerformanceWarning")  # which a user would see
def test_likeness_to_a_reference_is_regressed_like_any_metric(store: Store) -> None:
    metric = "likeness:neuronal:lab/a"
    (found,) = regressions.regress(store, (metric,), "d", "none").to_pylist()
    fit = regress([0.9, 0.6, 0.5, 0.2], [88.0, 80.0, 75.0, 60.0])
    assert (found["metric"], found["n"]) == (metric, 4)
    assert found["method"] == f"{PHOTOS} full channel all"
    assert (found["slope"], found["r2"]) == pytest.approx((fit.slope, fit.r2))
    # Beside a spectral metric each keeps its own models, and its own method.
    told = zoo(
        *("regress", "--metric", metric, "--metric", "alpha", "--by", "none"),
        *("--accuracy", "top1", "--store", store.uri, "-f", "json"),
    )
    both = {r["metric"]: (r["n"], r["method"]) for r in json.loads(told.out)}
    assert both == {metric: (4, found["method"]), "alpha": (5, "imported:zoo")}
    two = (metric, "likeness:procrustes:/a")
    rows = regressions.regress(store, two, "d", "none", accuracy="top1").to_pylist()
    assert [r["n"] for r in rows] == [4, 4]
    assert rows[0]["slope"] == pytest.approx(-rows[1]["slope"])
    few = load_pairs(store, Selection((metric,), where="series = 's'"))
    assert sorted(few["repo_id"]) == ["lab/b", "lab/c"]


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("likeness", "write likeness:MEASURE:REFERENCE"),
        ("likeness:neuronal", "write likeness:MEASURE:REFERENCE"),
        ("likeness:neuronl:lab/a", "no measure 'neuronl'; did you mean neuronal"),
        ("likeness:neuronal:lab/x", "no reference 'lab/x'; did you mean"),
        ("likeness:neuronal:lab", "'lab' fits 5 models"),
        ("likeness:weight_cka:lab/a", "no model compared with the reference has"),
        ("alhpa", "no metric 'alhpa'; did you mean alpha"),
    ],
)
def test_a_likeness_that_is_not_there_is_one_line(store: Store, metric: str, message: str) -> None:
    told = zoo("regress", "--metric", metric, "--store", store.uri)
    assert (told.code, told.out) == (2, "")
    assert message in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_models_are_not_ranked_by_likeness(store: Store) -> None:
    with pytest.raises(QueryError, match="no metric to rank by"):
        rank(store, ("likeness:neuronal:lab/a",))


def test_a_store_without_similarities_says_how_to_get_some(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("model,dataset,top1,alpha\nx,d,70,3\n")
    empty = open_store(tmp_path / "store")
    import_tables(empty, [tmp_path / "t.csv"])
    for command in (["similar", "x"], ["matrix"], ["regress", "--metric", "likeness:cka:x"]):
        assert "run `zoo correlate`" in zoo(*command, "--store", empty.uri).err


def test_the_measures_are_told_with_what_they_need() -> None:
    needs = {row["measure"]: row["needs"] for row in zoo_analysis.measures().to_pylist()}
    assert needs["accuracy_gap"] == "labels"
    assert needs["dcka"] == "inputs"
    assert needs["cka"] is None
