"""Differences of models against numpy, and adapters against what peft merges of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import C3AConfig, LoHaConfig, LoKrConfig, LoraConfig, PeftConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

import zoo_analysis
from zoo_analysis.errors import ZooError
from zoo_analysis.measure.deltas.differences import ModelDifference
from zoo_analysis.measure.deltas.partners import partners
from zoo_analysis.spectra.methods import Method, method
from zoo_analysis.weights import list_layers, open_checkpoint

HOW = Method(base="lab/base@0123")
MODULES = ["q_proj", "up_proj"]
Rows = dict[str, dict[str, object]]


def _saved(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, path / "model.safetensors"
    )
    return path


def _measured(tuned: Path, base: Path) -> tuple[Rows, dict[str, np.ndarray]]:
    with open_checkpoint(tuned) as a, open_checkpoint(base) as b:
        difference = ModelDifference(a, b, partners(list_layers(a), list_layers(b)))
        found = difference.measure(HOW)
    rows = {row["layer"]: row for row in found.layers.to_pylist()}
    evals = {row["layer"]: np.array(row["eigenvalues"]) for row in found.esds.to_pylist()}
    return rows, evals


def _gaussian(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_spectra_are_those_of_the_difference(tmp_path: Path) -> None:
    base = {"fc.weight": _gaussian(40, 30, seed=0), "conv.weight": _gaussian(16, 8, 3, 3, seed=1)}
    change = {"fc.weight": _gaussian(40, 30, seed=2), "conv.weight": _gaussian(16, 8, 3, 3, seed=3)}
    tuned = {name: base[name] + 0.1 * change[name] for name in base}
    rows, evals = _measured(_saved(tmp_path / "t", tuned), _saved(tmp_path / "b", base))
    delta = (tuned["fc.weight"] - base["fc.weight"]).double().numpy()
    sigma = np.linalg.svd(delta, compute_uv=False)
    assert evals["fc"] == pytest.approx(np.sort(sigma**2), rel=1e-6)
    p = sigma**2 / (sigma**2).sum()
    row = rows["fc"]
    assert row["effective_rank"] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
    size = np.linalg.norm(base["fc.weight"].double().numpy())
    assert row["relative_change"] == pytest.approx(np.linalg.norm(delta) / size, rel=1e-6)
    # The other columns are what a scan of a model of these differences has.
    alone = zoo_analysis.analyze({name: tuned[name] - base[name] for name in base})
    for each in alone.to_pylist():
        for name in ("alpha", "D", "stable_rank", "log_norm", "num_spikes", "N", "M", "rf"):
            expected = None if each[name] is None else pytest.approx(each[name], rel=1e-6)
            assert rows[each["layer"]][name] == expected, name


def test_what_is_equal_is_zero_and_what_changed_in_rank_two_has_rank_two(tmp_path: Path) -> None:
    w = _gaussian(64, 64, seed=0)
    base = {"same.weight": w.bfloat16(), "low.weight": w.bfloat16()}
    update = _gaussian(64, 2, seed=1) @ _gaussian(2, 64, seed=2)
    tuned = {"same.weight": w.bfloat16(), "low.weight": (base["low.weight"] + update).bfloat16()}
    rows, _ = _measured(_saved(tmp_path / "t", tuned), _saved(tmp_path / "b", base))
    assert rows["same"]["status"] == "all-zero"
    assert rows["same"]["relative_change"] == 0
    assert rows["same"]["num_intruders"] == 0
    # Both are rounded to 8 bits: the difference has 64 singular values, and two that are no noise.
    assert rows["low"]["matrix_rank"] == 2
    assert rows["low"]["num_evals"] == 64


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A language model, a LoRA adapter of it, and the two merged by peft."""
    folder = tmp_path_factory.mktemp("adapted")
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder / "base")
    lora = LoraConfig(
        r=3, lora_alpha=12, target_modules=["q_proj", "up_proj"], init_lora_weights=False
    )
    tuned = get_peft_model(model, lora)
    tuned.save_pretrained(folder / "adapter")
    tuned.merge_and_unload().save_pretrained(folder / "merged")
    return {name: folder / name for name in ("base", "adapter", "merged")}


def test_an_adapter_differs_from_its_base_as_what_peft_merges(adapted: dict[str, Path]) -> None:
    of_adapter, evals = _measured(adapted["adapter"], adapted["base"])
    of_merged, merged_evals = _measured(adapted["merged"], adapted["base"])
    assert len(of_adapter) == 4
    changed = {name for name, row in of_merged.items() if row["status"] != "all-zero"}
    assert {name.rpartition(".")[2] for name in changed} == {"q_proj", "up_proj"}
    assert set(of_adapter) == changed
    for name, row in of_adapter.items():
        other = of_merged[name]
        assert row["relative_change"] == pytest.approx(other["relative_change"], rel=1e-4)
        assert row["num_intruders"] == other["num_intruders"]
        assert row["effective_rank"] == pytest.approx(other["effective_rank"], abs=0.05)
        assert row["matrix_rank"] == other["matrix_rank"] == 3
        assert evals[name][-3:] == pytest.approx(merged_evals[name][-3:], rel=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        LoHaConfig(r=3, alpha=12, target_modules=MODULES, init_weights=False),
        LoKrConfig(r=3, alpha=12, target_modules=MODULES, init_weights=False),
        C3AConfig(block_size=16, target_modules=MODULES, init_weights=False),
        LoraConfig(r=3, use_dora=True, target_modules=MODULES, init_lora_weights=False),
        LoraConfig(r=3, target_modules=["q_proj", "embed_tokens"], init_lora_weights=False),
        LoraConfig(
            r=3, use_dora=True, target_modules=["q_proj", "embed_tokens"], init_lora_weights=False
        ),
    ],
    ids=["loha", "lokr", "c3a", "dora", "embedding", "dora-embedding"],
)
def test_every_kind_of_update_has_the_intruders_of_what_peft_merges(
    config: PeftConfig, adapted: dict[str, Path], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    tuned = get_peft_model(LlamaForCausalLM.from_pretrained(adapted["base"]), config)
    for name, parameter in tuned.named_parameters():
        if "magnitude" in name:  # which peft begins with as the lengths that there are
            parameter.data *= torch.linspace(0.5, 1.5, parameter.numel()).view_as(parameter)
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    of_adapter, _ = _measured(tmp_path / "adapter", adapted["base"])
    of_merged, _ = _measured(tmp_path / "merged", adapted["base"])
    changed = {name for name, row in of_merged.items() if row["status"] != "all-zero"}
    unmerged = {name for name in of_adapter if name.endswith(".base_layer")}  # an embedding's
    assert set(of_adapter) - unmerged == changed
    assert all(of_adapter[name]["relative_change"] == 0 for name in unmerged)
    for name in changed:
        row, other = of_adapter[name], of_merged[name]
        assert row["note"] is None
        assert row["relative_change"] == pytest.approx(other["relative_change"], rel=1e-3)
        assert row["effective_rank"] == pytest.approx(other["effective_rank"], abs=0.05)
        assert row["num_intruders"] == other["num_intruders"]


def test_a_full_update_is_added_as_it_is(tmp_path: Path) -> None:
    w, diff = _gaussian(20, 12, seed=0), _gaussian(20, 12, seed=1)
    base = _saved(tmp_path / "b", {"fc.weight": w})
    rows, _ = _measured(_saved(tmp_path / "a", {"fc.diff": diff}), base)
    assert rows["fc"]["relative_change"] == pytest.approx(float(diff.norm() / w.norm()), rel=1e-6)
    merged, _ = _measured(_saved(tmp_path / "m", {"fc.weight": w + diff}), base)
    assert rows["fc"]["num_intruders"] == merged["fc"]["num_intruders"]


def test_an_update_of_a_base_that_its_beginning_changed_is_not_compared_with_it(
    adapted: dict[str, Path], tmp_path: Path
) -> None:
    config = LoraConfig(r=3, target_modules=MODULES, init_lora_weights="pissa")
    tuned = get_peft_model(LlamaForCausalLM.from_pretrained(adapted["base"]), config)
    tuned.save_pretrained(tmp_path / "adapter")  # nothing was learnt: merged, it is the base
    rows, _ = _measured(tmp_path / "adapter", adapted["base"])
    assert len(rows) == 4
    for row in rows.values():
        assert row["note"] == "of a base that pissa changed: no relative change, no intruders"
        assert (row["relative_change"], row["num_intruders"]) == (None, None)


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    base = {"a.weight": torch.zeros(20, 12), "b.weight": _gaussian(20, 12, seed=0)}
    base |= {"c.weight": _gaussian(16, 1, 3, 3, seed=1), "d.weight": _gaussian(20, 12, seed=2)}
    tuned = {name: w + 0.1 * torch.randn_like(w) for name, w in base.items()}
    tuned["b.weight"][0, 0] = torch.inf
    rows, _ = _measured(_saved(tmp_path / "t", tuned), _saved(tmp_path / "b", base))
    assert rows["a"]["note"] == "the base's matrix is zero: no relative change"
    assert (rows["a"]["relative_change"], rows["a"]["num_intruders"]) == (None, 10)
    assert rows["b"]["note"] == "not finite: no relative change, no intruders"
    assert (rows["b"]["relative_change"], rows["b"]["num_intruders"]) == (None, None)
    assert rows["c"]["num_intruders"] is not None  # a convolution
    assert rows["d"]["note"] is None


def test_differences_have_a_method_of_their_own() -> None:
    assert method().id == method(base=None).id
    assert HOW.id.startswith("delta-default+base=lab/base@0123-")
    assert HOW.hash != method().hash != Method(base="lab/base@4567").hash != HOW.hash
    with pytest.raises(ZooError, match="zoo delta"):
        zoo_analysis.analyze({"fc.weight": torch.ones(20, 20)}, HOW)
