"""A comparison runs every model once, and commits what the measures say of each pair."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import zoo
from tests.support.compared_models import RESNET, write_gpt2, write_timm
from tests.support.representations import pair_values
from zoo_analysis import open_store
from zoo_analysis.activations import capture
from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.answers import similarity
from zoo_analysis.cluster.account import Event
from zoo_analysis.cluster.correlate import correlate
from zoo_analysis.errors import SimilarityError, ZooError
from zoo_analysis.similarity import best_match
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.store import Store

pytestmark = pytest.mark.usefixtures("local_ray")

SAMPLES = 24


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    return store.sql(sql).fetchall()


def test_all_pairs_are_what_the_measures_say_and_each_model_runs_once(
    compared_zoo: Path, store: Store
) -> None:
    measures = ("neuronal", "cka", "agreement", "weight_cka")
    options = {"measures": measures, "probe": "digits", "samples": SAMPLES}
    events: list[Event] = []
    steps: list[tuple[int, int]] = []
    done = correlate(
        [str(compared_zoo)],
        store,
        **options,  # type: ignore[arg-type]
        on_event=events.append,
        on_start=lambda *told: steps.append(told),
    )
    assert (done.models, done.forwarded, done.cached) == (4, 4, 0)
    assert (done.pairs, done.skipped, done.failed, done.incomparable) == (6, 0, 0, 3)
    assert steps == [(4, 4 + 6 + 6 + 6)]
    assert len(events) == 22

    # Each number is what the functions give in this process.
    probe = load_probe("digits", SAMPLES)
    names = [f"zoo/{name}" for name in ("resnet0", "resnet1", "resnet2", "vit")]
    models = [capture(load_network(str(compared_zoo / n.split("/")[1])), probe) for n in names]
    cka = get_measure("cka")
    for i in range(4):
        for j in range(i + 1, 4):
            a, b = models[i], models[j]
            values = np.array(
                [[cka(*(pair_values(x, y, "channel") or ())) for y in b.layers] for x in a.layers]
            )
            kept = rows(
                store,
                "SELECT value FROM similarities WHERE measure = 'cka' AND layer_a IS NOT NULL "
                f"AND repo_id_a = '{names[i]}' AND repo_id_b = '{names[j]}'",
            )
            assert sorted(v for (v,) in kept) == pytest.approx(sorted(values.ravel()), abs=1e-5)
            ((value, probe_id, n),) = rows(
                store,
                "SELECT value, probe, n_samples FROM similarities WHERE measure = 'cka' "
                f"AND layer_a IS NULL AND repo_id_a = '{names[i]}' AND repo_id_b = '{names[j]}'",
            )
            assert value == pytest.approx(best_match(values, cka.higher)[0], abs=1e-5)
            assert (probe_id, n) == (probe.id, SAMPLES)

    # The matrix is symmetric and has what is nearest on top.
    table = similarity.matrix(store, "neuronal")
    assert table["repo_id"].to_pylist() == names
    matrix = np.array([table[name].to_pylist() for name in names], dtype=float)
    off = ~np.eye(4, dtype=bool)
    assert np.array_equal(matrix[off], matrix.T[off])
    assert np.isnan(np.diag(matrix)).all()
    assert ((matrix[off] > 0) & (matrix[off] < 1)).all()
    near = similarity.similar(store, "vit", "neuronal")
    assert near["value"].to_pylist() == sorted(matrix[3][:3], reverse=True)

    # Weights that have nothing in common are told of once and for all.
    empty = "SELECT count(*) FROM similarities WHERE value IS NULL"
    assert rows(store, empty) == [(3,)]
    assert any("weight_cka: 0 of" in reason for reason in done.reasons)

    # A rerun skips every pair; another measure needs no forward pass.
    again = correlate([str(compared_zoo)], store, **options)  # type: ignore[arg-type]
    assert (again.pairs, again.skipped, again.rows, again.forwarded) == (0, 6, 0, 0)
    more = correlate(
        [str(compared_zoo)],
        store,
        **options | {"measures": ("cka", "knn")},  # type: ignore[arg-type]
    )
    assert (more.pairs, more.forwarded, more.cached) == (6, 0, 4)
    knn = get_measure("knn")
    for i, j, layer in ((0, 1, 0), (2, 3, -1)):
        first, second = models[i].layers[layer], models[j].layers[layer]
        ((value,),) = rows(
            store,
            f"SELECT value FROM similarities WHERE measure = 'knn' AND repo_id_a = '{names[i]}' "
            f"AND repo_id_b = '{names[j]}' AND layer_a = '{first.name}' "
            f"AND layer_b = '{second.name}'",
        )
        arrays = pair_values(first, second, "channel") or ()
        assert value == pytest.approx(knn(*arrays), abs=1e-5)
    twice = (
        "SELECT count(*) FROM similarities "
        "GROUP BY measure, repo_id_a, repo_id_b, layer_a, layer_b HAVING count(*) > 1"
    )
    assert rows(store, twice) == []
    ((config,),) = rows(store, f"SELECT config FROM scans WHERE scan_id = '{done.run_id}'")
    assert json.loads(str(config))["probes"] == [probe.id]


def test_calibrated_numbers_stand_beside_the_values(compared_zoo: Path, store: Store) -> None:
    pair = [str(compared_zoo / name) for name in ("resnet0", "resnet1")]

    def compared(calibrate: int = 0, measures: tuple[str, ...] = ("cka", "agreement")) -> int:
        how = {"measures": measures, "probe": "digits", "samples": SAMPLES}
        return correlate(pair, store, calibrate=calibrate, **how).pairs  # type: ignore[arg-type]

    assert [compared(), compared(19), compared(19), compared()] == [1, 1, 0, 0]
    kept = "value, p_value, calibrated, permutations FROM similarities"
    plain = rows(store, f"SELECT {kept} WHERE permutations IS NULL ORDER BY ALL")
    found = rows(store, f"SELECT {kept} WHERE permutations IS NOT NULL ORDER BY ALL")
    assert [row[0] for row in plain] == [row[0] for row in found]
    assert all(row[1:] == (None, None, None) for row in plain)
    assert {row[3] for row in found} == {19}
    assert all(1 / 20 <= float(str(row[1])) <= 1 for row in found)
    assert all(0 <= float(str(row[2])) <= float(str(row[0])) for row in found)
    ((_, _, seen),) = rows(
        store,
        "SELECT p_value, calibrated, permutations FROM likeness WHERE measure = 'cka' LIMIT 1",
    )
    assert seen == 19
    with pytest.raises(ZooError, match="weight_cka has none"):
        compared(19, ("cka", "weight_cka"))
    with pytest.raises(ZooError, match="19 permutations are the least"):
        compared(18)


def test_a_model_that_fails_is_a_row_and_the_others_are_compared(
    compared_zoo: Path, store: Store, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    for i in (7, 8):
        write_timm(tree / f"good{i}", "resnet18", RESNET, i)
    broken = write_timm(tree / "broken", "resnet18", RESNET, 9) / "config.json"
    broken.write_text(broken.read_text().replace('"resnet18"', '"resnet50"'))
    (tree / "empty").mkdir()
    done = correlate(
        [str(tree)], store, reference="good7", probe="digits", samples=8, layers="last"
    )
    assert (done.pairs, done.failed) == (1, 2)
    failed = rows(store, "SELECT split_part(repo_id, '/', 2), stage FROM failures ORDER BY 1")
    assert failed == [("broken", "capture"), ("empty", "source")]
    ((selection, layers),) = rows(
        store, "SELECT any_value(selection), count(*) FROM similarities WHERE layer_a IS NOT NULL"
    )
    assert (selection, layers) == ("last", 1)


def test_language_models_read_a_text_and_image_models_see_photographs(
    compared_zoo: Path, store: Store, tmp_path: Path
) -> None:
    texts = [str(write_gpt2(tmp_path / "lm" / f"gpt{i}", i)) for i in range(2)]
    images = [str(compared_zoo / name) for name in ("resnet0", "vit")]
    done = correlate([*texts, *images], store, samples=12, layers="2", measures=("neuronal", "cka"))
    assert (done.pairs, done.apart, done.failed) == (2, 4, 0), done.failures
    found = rows(
        store,
        "SELECT split_part(probe, '-', 1), neurons, n_samples, count(*) FROM similarities "
        "WHERE layer_a IS NULL GROUP BY ALL ORDER BY 1",
    )
    assert found == [("photos", "channel", 12, 2), ("text", "hidden", 12, 2)]
    layers = "SELECT count(*) FROM similarities WHERE layer_a IS NOT NULL AND measure = 'cka'"
    assert rows(store, layers) == [(4 + 4,)]


def test_the_command_tells_what_was_done(compared_zoo: Path, tmp_path: Path) -> None:
    store, models = str(tmp_path / "store"), [str(compared_zoo / f"resnet{i}") for i in range(2)]

    def told(*options: str) -> tuple[int, str, str]:
        answer = zoo("correlate", *models, "--store", store, *options)
        return answer.code, answer.out, answer.err

    asked = ("--measure", "weight_cka,wcka", "--measure", "agreement", "--probe", "noise")
    code, out, _ = told(*asked, "--samples", "8")
    assert code == 0
    assert out.startswith("1 pair of 2 models compared, 0 skipped (already there), 0 failed")
    assert "wcka: the fully connected layers stand on different layers" in out
    code, out, _ = told(*asked, "--samples", "8", "--json")
    summary = json.loads(out)
    assert (code, summary["skipped"], summary["pairs"], summary["store"]) == (0, 1, 0, store)
    code, out, err = told("--all-pairs", "--reference", "x")
    assert (code, out) == (2, "")
    assert err == "zoo: --reference compares with one model, --all-pairs with all: leave one out\n"


def test_what_cannot_be_asked_is_refused_before_anything_runs(
    compared_zoo: Path, store: Store
) -> None:
    with pytest.raises(SimilarityError, match="did you mean neuronal"):
        correlate([str(compared_zoo)], store, measures=["neuronl"])
    with pytest.raises(ZooError, match="neither a probe"):
        correlate([str(compared_zoo)], store, probe="nosuch")
    with pytest.raises(ZooError, match="comparing takes two"):
        correlate([str(compared_zoo / "vit")], store)
    assert not store.exists()
