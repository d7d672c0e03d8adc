"""`zoo delta`: the base is found, rows stay apart from those of weights, what is alone is named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import zoo_analysis
from tests.support import family_tree as family
from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.repositories import write
from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.store import open_store


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lab/base, and lab/tuned, whose card names it and whose head is another."""
    root = tmp_path_factory.mktemp("deltas") / "lab"
    base = family.stack(0)
    x, y = family.digits()
    tuned = family.trained(base, x, y, 20, 1)
    tuned[4] = family.stack(2, (48, 5))[0]
    family.saved(base, root / "base")
    family.saved(tuned, root / "tuned", "lab/base")
    return root


def test_rows_are_under_a_method_of_their_own(lab: Path, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    assert zoo("scan", lab / "tuned", "--store", store.uri).code == 0
    plain = zoo_analysis.show(store, "lab/tuned")
    found = zoo_analysis.delta(str(lab / "tuned"), store=store)
    assert (found.base, found.added, found.dropped) == ("lab/base", ("4",), ("4",))
    assert found.layers["layer"].to_pylist() == ["0", "2"]
    # What is shown is still the weights; the differences are asked for by their method.
    assert zoo_analysis.show(store, "lab/tuned").as_dict() == plain.as_dict()
    shown = zoo_analysis.show(store, "lab/tuned", method="delta-")
    assert shown.method == found.method
    assert min(shown.layers["relative_change"].to_pylist()) > 0
    assert {"num_intruders", "effective_rank"} <= set(shown.layers.column_names)
    assert "relative_change" not in plain.layers.column_names
    changes = store.run("SELECT relative_change FROM layers WHERE starts_with(method, 'delta-')")
    assert all(0 < row["relative_change"] < 1 for row in changes.to_pylist())
    summaries = store.run("SELECT method FROM summaries ORDER BY ALL")["method"].to_pylist()
    assert summaries == [plain.method, found.method]
    assert store.run("SELECT depth FROM models").to_pylist() == [{"depth": 2}]
    ranked = zoo_analysis.rank(store)["method"].to_pylist()
    assert ranked[0] == plain.method
    zoo_analysis.delta(str(lab / "tuned"), store=store)  # again: counts once
    assert store.run("SELECT count(*) AS n FROM layers").to_pylist() == [{"n": 5}]


def test_the_command_tells_what_is_alone(lab: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    answer = zoo("delta", lab / "tuned", "--store", store)
    assert answer.code == 0, answer.err
    assert "1 layer that the base does not have, or in another shape: 4" in answer.out
    assert "lab/tuned" in answer.out
    told = json.loads(zoo("delta", lab / "tuned", "--store", store, "-f", "json").out)
    assert [row["layer"] for row in told["layers"]] == ["0", "2"]
    assert told["adapter"] is False


def test_a_model_that_names_no_base_or_a_stranger_is_refused(lab: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="names no base model"):
        zoo_analysis.delta(str(lab / "base"), store=tmp_path / "store")
    other = family.saved(family.stack(1, (20, 30, 10)), tmp_path / "zoo" / "other", "a/b, c/d")
    with pytest.raises(SourceError, match="names 2 base models"):
        zoo_analysis.delta(str(other), store=tmp_path / "store")
    answer = zoo("delta", other, "--base", lab / "base", "--store", tmp_path / "store")
    assert answer.code == 2
    assert "is that its base?" in answer.err
    assert "the same command" not in answer.err  # it would fail again
    (scales := tmp_path / "zoo" / "scales").mkdir()
    save_file({"base_model.model.0.ia3_l": torch.ones(96)}, scales / "adapter_model.safetensors")
    with pytest.raises(ZooError, match=r"its tensors tell no change of a matrix \(1 vector\)"):
        zoo_analysis.delta(str(scales), str(lab / "base"), tmp_path / "store")


def test_a_model_is_not_its_own_base_and_an_equal_copy_changed_nothing(tmp_path: Path) -> None:
    net = family.stack(0)
    own = family.saved(net, tmp_path / "lab" / "own", "lab/own")
    family.saved(net, tmp_path / "lab" / "copy", "lab/own")
    with pytest.raises(SourceError, match="lab/own is named as its own base"):
        zoo_analysis.delta(str(own), store=tmp_path / "store")
    with pytest.raises(SourceError, match="its own base"):
        zoo_analysis.delta(str(own), str(own), tmp_path / "store")
    told = zoo_analysis.scan([str(tmp_path / "lab")], tmp_path / "store", deltas=True)
    assert (told.scanned, told.failed) == (2, 1)
    assert told.further == {"delta": {"scanned": 1, "skipped": 0, "layers": told.layers // 2}}
    answer = zoo("delta", tmp_path / "lab" / "copy", "--store", tmp_path / "store")
    assert "nothing changed" in answer.out


@pytest.mark.parametrize("device", ["cuda", "tpu"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_a_device_that_is_not_there_is_said(lab: Path, tmp_path: Path, device: str) -> None:
    answer = zoo("delta", lab / "tuned", "--device", device, "--store", tmp_path / "store")
    assert answer.code == 2
    assert "use cpu" in answer.err
    assert not (tmp_path / "store").exists()


def test_a_base_that_is_not_there_is_called_by_its_name_and_who_names_it(tmp_path: Path) -> None:
    model = family.saved(family.stack(0), tmp_path / "lab" / "orphan", "lab/nothing here")
    with pytest.raises(SourceError, match=r"lab/orphan names 'lab/nothing here' as its base"):
        zoo_analysis.delta(str(model), store=tmp_path / "store")


def test_both_are_streamed_from_a_hub_by_range(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    shared = ((700, 500),) * 4
    base = write(hub_root / "lab" / "base", (*shared, (1500, 1500)))
    card = "---\nbase_model: lab/base\n---\n"
    tuned = write(hub_root / "lab" / "tuned", (*shared, (20, 700)), card=card)
    repos = [hub.add(f"lab/{home.name}", home) for home in (base, tuned)]
    found = zoo_analysis.delta("lab/tuned", store=tmp_path / "store", access=hub.access)
    assert (found.base, found.base_revision) == ("lab/base", repos[0].main)
    assert found.revision == repos[1].main
    assert found.added == found.dropped == ("layers.4",)
    # Of both the layers that both have, and not the 9 MB that the base alone has.
    nbytes = 2 * 4 * sum(rows * columns for rows, columns in shared)
    assert nbytes <= hub.sent["cdn"] <= 1.02 * nbytes
    assert hub.api_calls == 2
    on_disk = zoo_analysis.delta(str(tuned), str(base), store=tmp_path / "other")
    assert found.layers.drop(["seconds"]) == on_disk.layers.drop(["seconds"])


def test_a_scan_measures_the_differences_of_all_whose_base_is_known(
    lab: Path, tmp_path: Path
) -> None:
    orphan = family.saved(family.stack(3), tmp_path / "zoo" / "orphan", str(tmp_path / "gone"))
    store = open_store(tmp_path / "store")
    told = zoo_analysis.scan([str(lab), str(orphan)], store, deltas=True)
    assert (told.scanned, told.failed) == (3, 1)
    assert told.further == {"delta": {"scanned": 1, "skipped": 0, "layers": 2}}
    (failed,) = store.run("SELECT repo_id, stage FROM failures").to_pylist()
    assert failed == {"repo_id": "zoo/orphan", "stage": "delta"}
    none = "no base named by 1 of 3 models, so no difference: lab/base"
    assert ("--deltas", none) in told.remarks
    assert any("layers added to lab/base, or reshaped: 4" in text for _, text in told.remarks)
    rows = store.run("SELECT repo_id, layer FROM layers WHERE relative_change > 0 ORDER BY ALL")
    assert rows.to_pylist() == [{"repo_id": "lab/tuned", "layer": layer} for layer in ("0", "2")]
    again = zoo_analysis.scan([str(lab)], store, deltas=True)
    assert (again.scanned, again.skipped) == (0, 2)
    assert again.further == {"delta": {"scanned": 0, "skipped": 1, "layers": 0}}
