"""Rows of layers, and of the slices that a method fits one by one."""

from pathlib import Path

import numpy as np
import powerlaw
import pytest
import torch
from safetensors.torch import save_file

import zoo_analysis
from zoo_analysis import open_store
from zoo_analysis.store import average
from zoo_analysis.store.model_rows import layer_count


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convolutions of nine, three and one positions and a matrix, all heavy-tailed."""
    rng = np.random.default_rng(0)

    def heavy(*shape: int) -> torch.Tensor:
        return torch.tensor(rng.standard_t(2.5, shape), dtype=torch.float32)

    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    tensors = {
        "stem.weight": heavy(64, 48, 3, 3),
        "grouped.weight": heavy(64, 40, 1, 3),
        "point.weight": heavy(40, 30, 1, 1),
        "head.weight": heavy(60, 50),
    }
    save_file(tensors, path)
    return path


def test_every_slice_has_its_own_fit_beside_the_layers_mean(model: Path) -> None:
    layers = zoo_analysis.analyze(model, "nature2021").to_pylist()
    stem = next(row for row in layers if row["layer"] == "stem")
    slices = [row for row in layers if row["part_of"] == "stem"]
    assert [row["layer"] for row in slices[:4]] == [
        f"stem[{at}]" for at in ("0,0", "0,1", "0,2", "1,0")
    ]
    assert len(slices) == 9
    assert {row["role"] for row in slices} == {"slice"}
    assert {(*row["shape"], row["rf"]) for row in slices} == {(64, 48, 1)}
    alphas = [row["alpha"] for row in slices]
    assert np.mean(alphas) == pytest.approx(stem["alpha"])
    assert np.ptp(alphas) > 0.1


def test_a_slices_fit_is_that_of_the_powerlaw_package(model: Path) -> None:
    from safetensors.torch import load_file

    kernel = load_file(model)["stem.weight"].double()
    layers = zoo_analysis.analyze(model, "nature2021").to_pylist()
    row = next(row for row in layers if row["layer"] == "stem[2,1]")
    evals = torch.linalg.svdvals(kernel[:, :, 2, 1] * (9 / 2) ** 0.5).square().numpy()
    fit = powerlaw.Fit(evals, verbose=False)
    assert row["alpha"] == pytest.approx(fit.power_law.alpha, rel=1e-6)
    assert row["lambda_max"] == pytest.approx(evals.max(), rel=1e-6)


def test_one_position_alone_is_its_layer(model: Path) -> None:
    layers = zoo_analysis.analyze(model, "nature2021").to_pylist()
    assert not [row for row in layers if row["part_of"] in ("point", "head")]
    assert len([row for row in layers if row["part_of"] == "grouped"]) == 3


def test_slices_are_counted_neither_as_layers_nor_in_averages(model: Path) -> None:
    layers = zoo_analysis.analyze(model, "nature2021")
    assert layer_count(layers) == 4 < len(layers) == 4 + 9 + 3
    own = [row["alpha"] for row in layers.to_pylist() if row["part_of"] is None]
    assert average(layers)["alpha"] == pytest.approx(np.mean(own))


def test_other_methods_have_no_slices(model: Path) -> None:
    assert len(zoo_analysis.analyze(model)) == 4


def test_groups_come_before_positions(tmp_path: Path) -> None:
    import timm

    net = timm.create_model("resnext26ts", num_classes=10)
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "resnext26ts", "num_classes": 10}')
    layers = zoo_analysis.analyze(tmp_path, "nature2021").to_pylist()
    grouped = [row for row in layers if row["role"] == "slice" and row["layer"].count(",") == 2]
    assert grouped
    (name, *_) = sorted({row["part_of"] for row in grouped})
    groups, side = net.get_submodule(name).groups, 3
    names = [row["layer"] for row in grouped if row["part_of"] == name]
    assert names[0] == f"{name}[0,0,0]"
    assert names[-1] == f"{name}[{groups - 1},{side - 1},{side - 1}]"
    assert len(names) == groups * side**2


def test_a_store_of_slices_is_sound_and_shows_whole_layers(model: Path, tmp_path: Path) -> None:
    done = zoo_analysis.scan([str(model)], tmp_path / "store", how="nature2021")
    assert done.layers == 4
    store = open_store(tmp_path / "store")
    assert not len(zoo_analysis.check_store(store).problems)
    shown = zoo_analysis.show(store, "model").layers
    assert {*shown["layer"].to_pylist()} == {"stem", "grouped", "point", "head"}
    found = store.run("SELECT layer FROM esds WHERE layer LIKE 'stem%'")
    assert len(found) == 10
