"""Models that are compared with others: with bases that their cards name, with kin by weights."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import zoo_analysis
from tests.attacks.limits import within
from tests.support import family_tree as family
from tests.support.loopback import Hub
from tests.support.plugins import install
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.scanning import deltas
from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.measure.deltas.partners import partners
from zoo_analysis.store import open_store
from zoo_analysis.weights import LayerSpec

#: A reader that ends its process.
READER = """
import os
from zoo_analysis.weights.readers.reader import Reader

READER = Reader("bad", (".bad",), lambda path, files: os.kill(os.getpid(), 11))
"""


@pytest.mark.parametrize(
    "named",
    [
        lambda own: str(own),
        lambda own: own.name,
        lambda own: f"{own.parent.name}/{own.name}",
        lambda own: "lab/..",
        lambda own: "..",
        lambda own: "~",
        lambda own: "packaged:demo",
        lambda own: f"hf://{own}",
    ],
)
def test_a_card_names_a_repository_and_nothing_on_this_machine(
    named: Callable[[Path], str], hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = family.saved(family.stack(0), tmp_path / "own" / "net")
    family.saved(family.stack(0), tmp_path / "lab" / "other")
    model = family.saved(family.stack(1), tmp_path / "lab" / "tuned", f'"{named(own)}"')
    for at in (own.parent, own.parent.parent):
        monkeypatch.chdir(at)
        with pytest.raises(
            SourceError, match=r"is no repository|no such repository|missing from the"
        ):
            zoo_analysis.delta(str(model), store=tmp_path / "store", access=hub.access)
    # What its user names may be anything.
    assert zoo_analysis.delta(str(model), str(own), tmp_path / "store").base == "own/net"


def test_layers_of_very_many_names_are_matched_in_the_time_of_their_number() -> None:
    def layers(prefix: str) -> list[LayerSpec]:
        return [
            LayerSpec(f"{prefix}.{i}.fc", ("w",), "linear", "other", 0, (8, 4), "float32")
            for i in range(20_000)
        ]

    with within(5):
        found = partners(layers("a"), layers("b"))
    assert (len(found.added), len(found.dropped)) == (20_000, 20_000)


def test_numbers_that_float32_does_not_hold_tell_no_kinship(tmp_path: Path) -> None:
    for place, scale in enumerate((1e39, 1e300, 1e-310)):
        (folder := tmp_path / "zoo" / f"net{place}").mkdir(parents=True)
        weights = {f"{i}.weight": torch.randn(16, 24).double() * scale for i in range(2)}
        save_file(weights, folder / "model.safetensors")
    family.saved(family.stack(0), tmp_path / "zoo" / "good")
    family.saved(family.stack(0), tmp_path / "zoo" / "twin")
    told = zoo_analysis.lineage([str(tmp_path / "zoo")], tmp_path / "store")
    assert (told.read, told.failed, told.related, told.undecided) == (3 + 2, 0, 1, 9)
    reasons = {text.partition("(")[2] for _, text in told.remarks}
    assert reasons == {
        "2 beyond the range of float32: 0, 1)",
        "2 of one value throughout: 0, 1)",
    }


def test_a_model_that_kills_its_process_costs_a_lineage_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo_analysis.cluster.processes.task.ATTEMPTS", 1)
    point = '[project.entry-points."zoo_analysis.readers"]\nbad = "deadly_zoo:READER"\n'
    install("deadly_zoo", READER, point, monkeypatch, tmp_path / "site")
    for name in ("good", "twin"):
        family.saved(family.stack(0), tmp_path / "zoo" / name)
    (tmp_path / "zoo" / "deadly.bad").touch()
    store = open_store(tmp_path / "store")
    told = zoo_analysis.lineage([str(tmp_path / "zoo")], store)
    assert (told.failed, told.pairs, told.related) == (1, 1, 1)
    (failed,) = store.run("SELECT repo_id, message, attempts FROM failures").to_pylist()
    assert failed == {
        "repo_id": "zoo/deadly",
        "message": "its process was ended by SIGSEGV",
        "attempts": 1,
    }


def test_a_difference_that_never_comes_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*arguments: object) -> None:
        while True:
            with suppress(Exception):
                time.sleep(0.01)

    monkeypatch.setattr(deltas, "measure_difference", endless)
    monkeypatch.setattr(deltas, "delta_limits", lambda *known: Limits(0.1))
    models = [family.saved(family.stack(i), tmp_path / "zoo" / str(i)) for i in range(2)]
    with within(10), pytest.raises(ZooError, match=r"^zoo/0: took more than 0 s(\n|$)"):
        zoo_analysis.delta(*map(str, models), tmp_path / "store")
