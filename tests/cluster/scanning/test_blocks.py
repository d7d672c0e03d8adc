"""`zoo scan --blocks`: heads and experts under a method of their own, priced; what has none."""

import json
from pathlib import Path

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

import zoo_analysis
from tests.support.command import zoo
from zoo_analysis.errors import ZooError
from zoo_analysis.measure.scan_plan import IN_STORE, Forecast
from zoo_analysis.report import figures
from zoo_analysis.spectra import method
from zoo_analysis.store import Store, open_store

TEXT = {
    "vocab_size": 30,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of three experts with attention, and two networks without either."""
    root = tmp_path_factory.mktemp("blocks") / "lab"
    torch.manual_seed(0)
    hf.MixtralModel(hf.MixtralConfig(num_local_experts=3, **TEXT)).save_pretrained(root / "moe")
    for name in ("one", "two"):
        (root / name).mkdir()
        state = {"0.weight": torch.randn(30, 20), "2.weight": torch.randn(20, 30)}
        save_file(state, root / name / "model.safetensors")
    return root


@pytest.fixture(scope="module")
def store(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Scanned with the switch."""
    store = open_store(tmp_path_factory.mktemp("scanned") / "store")
    told = zoo_analysis.scan([str(lab)], store, blocks=True)
    why = "neither attention by heads nor experts: no blocks to measure"
    assert sorted(told.remarks) == [("lab/one", why), ("lab/two", why)]
    assert (told.scanned, told.failed) == (3, 0)
    rows = "SELECT count(*) AS n FROM layers WHERE starts_with(method, 'blocks-') = $1"
    blocks, layers = (store.run(rows, {"1": kind})["n"][0].as_py() for kind in (True, False))
    assert (told.layers, told.further) == (
        layers,
        {"blocks": {"scanned": 3, "skipped": 0, "layers": blocks}},
    )
    totals = store.run("SELECT sum(parameters_total) AS total FROM models").to_pylist()
    assert totals == [{"total": told.parameters_total}]  # of each model once
    return store


def test_heads_and_experts_have_rows_under_a_method_of_their_own(store: Store) -> None:
    blocks = store.run(
        "SELECT role, count(*) AS rows, count(alpha) AS fitted, count(overlap_in) AS compared "
        "FROM layers WHERE starts_with(method, 'blocks-') GROUP BY role ORDER BY role"
    ).to_pylist()
    heads = {"rows": 8, "fitted": 8, "compared": 0}
    (experts,) = [row for row in blocks if row["role"] == "expert"]
    assert blocks[1:] == [{"role": role, **heads} for role in ("ov", "qk")]
    assert experts["rows"] == experts["compared"] >= 12
    assert experts["fitted"] == 0
    assert zoo_analysis.show(store, "lab/moe").method == method().id  # still the weights
    found = zoo_analysis.show(store, "lab/moe", method="blocks-")
    assert found.method == method(of="blocks").id
    assert found.averages["layers"] <= 16
    depths = store.run("SELECT DISTINCT depth FROM models WHERE repo_id = 'lab/moe'").to_pylist()
    last = store.run("SELECT max(depth) AS depth FROM layers WHERE repo_id = 'lab/moe'").to_pylist()
    assert depths == last  # that of the model, whatever blocks there are


def test_what_is_known_is_skipped_under_each_method(lab: Path, store: Store) -> None:
    again = zoo_analysis.scan([str(lab)], store, blocks=True)
    assert (again.scanned, again.skipped) == (0, 3)
    assert again.further == {"blocks": {"scanned": 0, "skipped": 3, "layers": 0}}
    assert not again.remarks


def test_a_model_counts_once_whatever_is_measured_of_it(lab: Path, tmp_path: Path) -> None:
    """Also one that fails, and one that was known by one of the methods."""
    zoo_analysis.scan([str(lab / "one")], tmp_path / "store")
    (tmp_path / "lab" / "broken").mkdir(parents=True)
    (tmp_path / "lab" / "broken" / "model.safetensors").write_bytes(b"no weights at all")
    answer = zoo("scan", lab, tmp_path / "lab", "--blocks", "--store", tmp_path / "store")
    assert answer.code == 3, answer.err
    assert "2 scanned, 1 skipped (already there), 1 failed; " in answer.out
    assert "blocks: 3 scanned, 0 skipped (already there); " in answer.out
    assert answer.out.count("failed: lab/broken (open)") == 1
    (run,) = zoo_analysis.status(tmp_path / "store").runs
    assert (run.total, run.done, run.skipped, run.failed) == (4, 3, 1, 1)


def test_questions_and_a_figure_over_heads(store: Store) -> None:
    heads = store.run("attention-products")
    assert heads["head"].to_pylist() == [0, 1, 2, 3] * 2
    assert set(heads["width"].to_pylist()) == {12}
    mixtures = store.run("experts", {"repo_id": "lab/moe"}).to_pylist()
    assert {row["experts"] for row in mixtures} == {3}
    assert all(row["overlap_in"] > 0 and row["overlap_out"] > 0 for row in mixtures)
    assert {round(row["chance_in"], 4) for row in mixtures} <= {
        round(10 / side, 4) for side in (24, 48)
    }
    chart = figures.depth(store, "lab/moe", "effective_rank", colour="role", method="blocks-")
    drawn = [row for rows in chart.to_dict()["datasets"].values() for row in rows]
    assert {"qk", "ov", "expert"} <= {row.get("role") for row in drawn}


def test_a_plan_prices_what_the_switch_adds(lab: Path, store: Store, tmp_path: Path) -> None:
    """Heads of the configuration, and of each expert the products and eigenproblem of its scan."""
    rows = store.run("SELECT count(*) AS rows FROM layers WHERE repo_id = 'lab/moe'").to_pylist()
    answer = zoo("plan", lab, "--blocks", "--json", "--store", tmp_path / "empty")
    assert answer.code == 0, answer.err
    priced = {model["repo_id"]: model for model in json.loads(answer.out)["models"]}
    moe, plain = priced["lab/moe"], priced["lab/one"]
    assert moe["layers"] == rows[0]["rows"]
    experts = 2 * 3 * 3 * 48 * 24**2  # multiply-adds of the Gram matrices, of both methods
    heads = 2 * (4 + 2 + 2 + 4) * 48 * 12**2  # of the factors at least as many
    assert moe["gram_flops"] > 2 * experts + heads
    tensors = load_file(lab / "moe" / "model.safetensors").values()
    stored = sum(tensor.nbytes for tensor in tensors if tensor.ndim == 2)
    assert stored < moe["read_bytes"] < 2 * stored  # embeddings and routers once
    assert plain["layers"] == 2
    assert "of blocks: neither attention" in plain["skipped"]


def test_what_the_store_holds_of_either_is_said() -> None:
    stored = Forecast("lab/net", "r", "hub", layers=0, skipped=IN_STORE)
    heads = Forecast("lab/net", "r", "hub", layers=8, parameters_total=90, seconds=2.0)
    assert stored.with_blocks(stored) == stored
    one = stored.with_blocks(heads)
    assert (one.layers, one.parameters_total, one.seconds, one.skipped) == (8, 90, 2.0, IN_STORE)
    other = heads.with_blocks(stored)
    assert (other.layers, other.skipped) == (8, f"of blocks: {IN_STORE}")
    unknown = Forecast("lab/net", "r", "hub", skipped="not downloaded")
    assert unknown.with_blocks(unknown).layers is None


def test_blocks_of_blocks_and_of_differences_are_refused(lab: Path, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="leave out `blocks`"):
        zoo_analysis.scan([str(lab)], tmp_path / "store", method(of="blocks"), blocks=True)
    with pytest.raises(ZooError, match="layer by layer"):
        method(of="blocks", base="lab/base@0")
