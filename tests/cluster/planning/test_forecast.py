"""A plan tells what a scan will do before a byte of weights is read."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.plugins import install
from tests.support.repositories import tensor_bytes, tensors, write
from zoo_analysis import open_store, scan
from zoo_analysis.cluster.placement import GPU_SPEED, Node
from zoo_analysis.cluster.planning import forecast as forecast_module
from zoo_analysis.cluster.planning.forecast import plan as forecast
from zoo_analysis.cluster.planning.machines import Machines
from zoo_analysis.cluster.scanning.machine_rates import rate_rows
from zoo_analysis.measure.rates import TYPICAL
from zoo_analysis.measure.scan_plan import ScanPlan
from zoo_analysis.spectra import method


def test_a_plan_prices_layers_and_says_what_is_skipped(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    hub.add("me/net", write(hub_root / "net", ((900, 600),) * 4))
    hub.add("me/closed", write(hub_root / "closed", ((90, 60),)), gated="manual")
    pickled = write(hub_root / "pickled")
    (pickled / "model.safetensors").unlink()
    torch.save(tensors("pickled"), pickled / "pytorch_model.bin")
    hub.add("me/pickled", pickled)
    names = ["me/net", "me/closed", "me/pickled", "me/none"]
    plan = forecast(names, tmp_path / "store", access=hub.access)
    net, closed, unread, none = plan.models
    assert (net.layers, net.read_bytes) == (4, 4 * 900 * 600 * 4)
    assert net.gram_flops == 4 * 900 * 600**2
    assert net.eigen_flops == pytest.approx(3.3 * 4 * 600**3)
    assert net.peak_bytes >= 4 * 900 * 600 + 3 * 8 * 600**2
    assert "gated" in closed.skipped
    assert (unread.layers, unread.read_bytes) == (
        None,
        (pickled / "pytorch_model.bin").stat().st_size,
    )
    assert "no such repository" in none.skipped
    assert hub.sent["cdn"] < 100_000 < tensor_bytes(hub_root / "net")
    assert plan.seconds > 0


@pytest.mark.usefixtures("local_ray")
def test_what_the_store_holds_is_skipped(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    hub.add("me/net", write(hub_root / "net"))
    store = open_store(str(tmp_path / "store"))
    scan(["me/net"], store, access=hub.access)
    (model,) = forecast(["me/net"], store, access=hub.access).models
    assert model.skipped == "in the store already"


def test_a_plan_prices_the_method_that_a_scan_would_use(tmp_path: Path) -> None:
    net = write(tmp_path / "net", ((900, 600),) * 2)

    def totals(*options: str) -> dict[str, float]:
        answer = zoo("plan", net, *options, "--store", tmp_path / "store", "--json")
        assert answer.code == 0, answer.err
        return dict(json.loads(answer.out)["totals"])

    plain, shuffled = totals(), totals("--randomize")
    assert shuffled["eigen_flops"] == 2 * plain["eigen_flops"]
    assert shuffled["gram_flops"] == 2 * plain["gram_flops"]
    assert shuffled["layers"] == plain["layers"] == 2


#: A reader of what is endless in Python, endless in C, too large, and deadly.
READER = """
import os, re, time
from contextlib import suppress
from zoo_analysis.weights.readers.reader import Reader

def opened(files):
    name = str(files[0])
    while "endless" in name:
        with suppress(Exception):
            time.sleep(0.01)
    if "stuck" in name:
        re.fullmatch("(a|aa)+", "a" * 200 + "!")  # holds on to the interpreter
    if "large" in name:
        held = []
        while True:
            held.append(bytearray(os.urandom(1)) * (64 << 20))
    if "deadly" in name:
        os.kill(os.getpid(), 11)
    raise IndexError

READER = Reader("bad", (".bad",), lambda path, files: opened(files))
"""


def told_of(names: tuple[str, ...], home: Path, patch: pytest.MonkeyPatch) -> dict[str, str]:
    """Why models that this reader opens are skipped, beside others that are priced."""
    point = '[project.entry-points."zoo_analysis.readers"]\nbad = "bad_zoo:READER"\n'
    install("bad_zoo", READER, point, patch, home / "site")
    for name in ("a", "b"):
        write(home / "zoo" / name, ((90, 60),))
    for name in names:
        (home / "zoo" / f"{name}.bad").touch()
    with within(200):
        plan = forecast([str(home / "zoo")], home / "store", model_seconds=2)
    told = {model.repo_id.removeprefix("zoo/"): model for model in plan.models}
    assert [told.pop(name).layers for name in ("a", "b")] == [1, 1]
    return {name: model.skipped for name, model in told.items()}


def test_a_model_that_never_ends_or_kills_its_process_is_skipped_and_the_others_are_priced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told_of(("deadly", "endless", "odd"), tmp_path, monkeypatch) == {
        "deadly": "its process was ended by SIGSEGV",
        "endless": "took more than 2 s: --model-seconds allows more",
        "odd": "IndexError",
    }


@pytest.mark.exhaustive
def test_code_that_holds_on_to_the_interpreter_or_to_memory_is_ended_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_of(("large", "stuck"), tmp_path, monkeypatch)
    assert told["stuck"].startswith("its process was ended because it took more than ")
    assert "GB of memory" in told["large"] or "took more than 2 s" in told["large"]


def test_a_plan_counts_the_parts_of_fused_projections_where_a_scan_would(tmp_path: Path) -> None:
    tensors = {"blocks.0.attn.qkv.weight": torch.randn(192, 64)}
    (tmp_path / "vit").mkdir()
    save_file(tensors, tmp_path / "vit" / "model.safetensors")
    sources, store = [str(tmp_path / "vit")], tmp_path / "store"
    counts = [
        forecast(sources, store, method(split_qkv=split)).models[0].layers
        for split in (False, True)
    ]
    assert counts == [1, 4]


def hollow(folder: Path, sides: list[tuple[int, int]]) -> Path:
    """A model of which only the headers are there: its weights are a hole in its file."""
    header, end = {}, 0
    for number, (rows, cols) in enumerate(sides):
        start, end = end, end + 2 * rows * cols
        entry = {"dtype": "F16", "shape": [rows, cols], "data_offsets": [start, end]}
        header[f"layers.{number}.weight"] = entry
    raw = json.dumps(header).encode()
    folder.mkdir(parents=True)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)
    return folder


def with_gpus(monkeypatch: pytest.MonkeyPatch, cpus: int, gpus: int, kind: str = "") -> None:
    """As if this machine had GPUs of 80 GB, and 64 GB of memory."""
    node = Node(cpus, 64 * 10**9, gpus, 80 * 10**9)
    there = Machines(cpus, "a core", node, gpus, kind)
    monkeypatch.setattr(forecast_module, "machines", lambda address, device: there)


def soonest(plan: ScanPlan) -> float:
    """The end of the work, if cores take the share of what GPUs may do that ends it first."""
    by_core, movable, by_gpu = (
        sum(getattr(model, name) for model in plan.models)
        for name in ("seconds", "core_seconds", "gpu_seconds")
    )
    share = np.linspace(0, 1, 100_001)
    ends = np.maximum(share * by_gpu / plan.gpus, (by_core - share * movable) / plan.cpus)
    return plan.start + float(ends.min())


@pytest.mark.parametrize(("cpus", "gpus"), [(8, 1), (4, 4), (64, 1)])
def test_gpus_take_the_large_layers_and_shorten_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpus: int, gpus: int
) -> None:
    large = hollow(tmp_path / "large", [(8192, 8192)] * 96 + [(512, 512)] * 3)
    small = hollow(tmp_path / "small", [(300, 200)] * 4)
    sources, store = [str(large), str(small)], tmp_path / "store"
    with_gpus(monkeypatch, cpus, 0)
    alone = forecast(sources, store)
    assert [model.gpu_layers for model in alone.models] == [0, 0]
    with_gpus(monkeypatch, cpus, gpus)
    found = forecast(sources, store)
    assert [model.gpu_layers for model in found.models] == [96, 0]
    on_gpus, _ = found.models
    assert on_gpus.gpu_seconds == pytest.approx(on_gpus.core_seconds / GPU_SPEED)
    assert found.seconds == pytest.approx(soonest(found), rel=1e-3)
    assert found.seconds < alone.seconds
    told = found.as_dict()
    assert (told["totals"]["gpus"], told["totals"]["gpu_layers"]) == (gpus, 96)


def test_a_calibrated_gpu_is_priced_by_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = hollow(tmp_path / "large", [(4096, 4096)] * 2), tmp_path / "store"
    with_gpus(monkeypatch, 8, 1, "a GPU")
    guessed = forecast([str(folder)], store)
    numbers = {"gram": (4096, 2e-14), "eigen": (4096, 3.0)}
    rows = [{"quantity": name, "side": m, "value": v} for name, (m, v) in numbers.items()]
    names = ("element", "strided", "fit", "evaluation", "layer", "model", "listed", "hashed")
    rows += [{"quantity": name, "side": None, "value": 1e-12} for name in (*names, "serial")]
    rows = [row | {"machine": "a GPU"} for row in rows]
    open_store(store).append("rates", rate_rows(rows, method(), "calibration-1"))
    found = forecast([str(folder)], store)
    assert found.models[0].gpu_seconds == pytest.approx(2 * (3.0 + 2e-14 * 4096**3), rel=1e-4)
    assert guessed.models[0].gpu_seconds != found.models[0].gpu_seconds
    answer = zoo("plan", folder, "--store", store)
    assert " on 8 cores and 1 GPU (a GPU), for 2 layers, " in answer.out


def test_a_layer_that_fits_no_machine_is_skipped_with_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hollow(tmp_path / "huge", [(60_000, 60_000), (300, 200)])
    with_gpus(monkeypatch, 8, 1)
    (model,) = forecast([str(folder)], tmp_path / "store").models
    assert model.layers is None
    assert re.search(r"takes 86\.\d GB of memory, and the largest node has 64 GB", model.skipped)


def test_a_plan_counts_the_start_of_processes_and_that_of_ray_where_it_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, 4, 0)
    monkeypatch.setattr(forecast_module, "is_there", lambda address: False)
    small = hollow(tmp_path / "small", [(300, 200)] * 4)
    large = hollow(tmp_path / "large", [(8192, 8192)] * 8)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    few, many, none = (
        forecast([str(source)], tmp_path / "store") for source in (small, large, nothing)
    )
    starting = TYPICAL.starting  # of the libraries
    assert none.seconds == 0.0
    assert starting < few.start < many.start
    assert few.seconds == pytest.approx(few.start + few.models[0].seconds / 4)
