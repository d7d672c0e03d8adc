"""A plan tells what a scan will do before a byte of weights is read."""

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from tests.support.command import zoo
from tests.support.loopback import Hub
from tests.support.repositories import tensor_bytes, tensors, write
from zoo_analysis import open_store, scan
from zoo_analysis.cluster.planning.forecast import plan as forecast
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.spectra import method
from zoo_analysis.weights import Checkpoint, open_checkpoint


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


def test_a_model_that_never_ends_or_cannot_be_read_is_skipped_and_the_others_are_priced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("endless", "net", "odd"):
        write(tmp_path / "zoo" / name, ((90, 60),))

    def opened(path: str, access: HubAccess) -> Checkpoint:
        while path.endswith("endless"):
            with suppress(Exception):
                time.sleep(0.01)
        if path.endswith("odd"):
            raise IndexError
        return open_checkpoint(path, access)

    monkeypatch.setattr("zoo_analysis.cluster.planning.forecast.open_checkpoint", opened)
    with within(60):
        plan = forecast([str(tmp_path / "zoo")], tmp_path / "store", model_seconds=1)
    told = {model.repo_id: (model.layers, model.skipped) for model in plan.models}
    assert told == {
        "zoo/endless": (None, "took more than 1 s: --model-seconds allows more"),
        "zoo/net": (1, ""),
        "zoo/odd": (None, "IndexError"),
    }


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
