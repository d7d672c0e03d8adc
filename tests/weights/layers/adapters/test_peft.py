"""Adapters of every kind that peft builds: measured as peft merges them, or said to be none."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from peft.tuners.lora.layer import ParamWrapper
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

from tests.support.routes import layers_by
from zoo_analysis import analyze
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint
from zoo_analysis.weights.layers.omissions import omission
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

LINEAR = {"target_modules": ["first", "second"]}
CONVOLUTION = {"target_modules": ["kernel"]}


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 16)
        self.first = nn.Linear(16, 24)
        self.second = nn.Linear(24, 16, bias=False)
        self.kernel = nn.Conv2d(8, 12, 3)
        self.norm = nn.LayerNorm(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.second(self.first(self.table(x))))


#: What has a matrix of its own: name → (kind of config, its options).
MEASURED: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("LoraConfig", {**LINEAR, "r": 4, "lora_alpha": 12}),
    "lora-patterns": (
        "LoraConfig",
        {**LINEAR, "r": 4, "rank_pattern": {"first": 6}, "alpha_pattern": {"second": 5}},
    ),
    "lora-bias": ("LoraConfig", {**LINEAR, "r": 4, "lora_bias": True, "target_modules": ["first"]}),
    "rslora": ("LoraConfig", {**LINEAR, "r": 4, "use_rslora": True}),
    "dora": ("LoraConfig", {**LINEAR, "r": 4, "use_dora": True}),
    "pissa": ("LoraConfig", {**LINEAR, "r": 4, "init_lora_weights": "pissa"}),
    "olora": ("LoraConfig", {**LINEAR, "r": 4, "init_lora_weights": "olora"}),
    "lora-embedding": ("LoraConfig", {"target_modules": ["table"], "r": 4}),
    "lora-convolution": ("LoraConfig", {**CONVOLUTION, "r": 4}),
    "adalora": ("AdaLoraConfig", {**LINEAR, "init_r": 6, "target_r": 4, "total_step": 9}),
    "loha": ("LoHaConfig", {**LINEAR, "r": 2, "alpha": 3}),
    "loha-wide": ("LoHaConfig", {**LINEAR, "r": 6, "rank_pattern": {"first": 5}}),
    "loha-convolution": ("LoHaConfig", {**CONVOLUTION, "r": 3}),
    "loha-tucker": ("LoHaConfig", {**CONVOLUTION, "r": 2, "use_effective_conv2d": True}),
    "lokr": ("LoKrConfig", {**LINEAR, "r": 8, "alpha": 3}),
    "lokr-decomposed": ("LoKrConfig", {**LINEAR, "r": 1, "decompose_both": True, "alpha": 3}),
    "lokr-half": ("LoKrConfig", {**LINEAR, "r": 2, "alpha_pattern": {"first": 7}}),
    "lokr-convolution": ("LoKrConfig", {**CONVOLUTION, "r": 1}),
    "lokr-tucker": ("LoKrConfig", {**CONVOLUTION, "r": 1, "use_effective_conv2d": True}),
    "delora": ("DeloraConfig", {**LINEAR, "r": 4}),
    "c3a": ("C3AConfig", {**LINEAR, "block_size": 4}),
}  # fmt: skip


#: What has none: a row, or a reason for every tensor.
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "oft": ("OFTConfig", {**LINEAR, "oft_block_size": 4}),
    "boft": ("BOFTConfig", {**LINEAR, "boft_block_size": 4}),
    "ia3": ("IA3Config", {**LINEAR, "feedforward_modules": ["second"]}),
    "vera": ("VeraConfig", {**LINEAR, "r": 8}),
    "vera-unsaved": ("VeraConfig", {**LINEAR, "r": 8, "save_projection": False}),
    "fourierft": ("FourierFTConfig", {**LINEAR, "n_frequency": 10}),
    "vblora": ("VBLoRAConfig", {**LINEAR, "vector_length": 4}),
    "hra": ("HRAConfig", LINEAR),
    "miss": ("MissConfig", {**LINEAR, "r": 4}),
    "randlora": ("RandLoraConfig", {**LINEAR, "r": 2}),
    "shira": ("ShiraConfig", {**LINEAR, "r": 2}),
    "ln_tuning": ("LNTuningConfig", {"target_modules": ["norm"]}),
    "trainable_tokens": (
        "TrainableTokensConfig",
        {"target_modules": ["table"], "token_indices": [1, 2]},
    ),
    "road": ("RoadConfig", {**LINEAR, "group_size": 4}),
    "poly": ("PolyConfig", LINEAR),
    "adamss": ("AdamssConfig", LINEAR),
    "beft": ("BeftConfig", LINEAR),
    "deft": ("DeftConfig", LINEAR),
    "frod": ("FrodConfig", LINEAR),
    "glora": ("GloraConfig", LINEAR),
    "gralora": ("GraloraConfig", {**LINEAR, "r": 4}),
    "hira": ("HiraConfig", {**LINEAR, "r": 4}),
    "lily": ("LilyConfig", LINEAR),
    "osf": ("OSFConfig", LINEAR),
    "peanut": ("PeanutConfig", LINEAR),
    "psoft": ("PsoftConfig", {**LINEAR, "r": 4}),
    "pvera": ("PveraConfig", {**LINEAR, "r": 8}),
    "supertuning": ("SupertuningConfig", LINEAR),
    "tinylora": ("TinyLoraConfig", LINEAR),
    "unilora": ("UniLoraConfig", LINEAR),
    "waveft": ("WaveFTConfig", {**LINEAR, "n_frequency": 10}),
    "qalora": ("LoraConfig", {**LINEAR, "r": 4, "use_qalora": True, "qalora_group_size": 4}),
}


def saved(folder: Path, network: nn.Module, config: str, options: dict[str, Any]) -> nn.Module:
    """`network` with an adapter whose factors are random, saved as peft saves it."""
    made = getattr(peft, config, None)
    if made is None:
        pytest.skip(f"this peft has no {config}")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(network, made(**options))
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and "lambda" not in name:
                nn.init.normal_(parameter)
        model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", MEASURED)
def test_an_update_is_the_one_that_peft_merges(tmp_path: Path, name: str) -> None:
    model = saved(tmp_path, Network(), *MEASURED[name])
    modules = {
        path.removeprefix("base_model.model."): module
        for path, module in model.named_modules()
        if hasattr(module, "get_delta_weight")
    }
    with open_checkpoint(tmp_path) as checkpoint:
        specs = list_layers(checkpoint)
        assert {spec.layer for spec in specs} == modules.keys()
        for spec in specs:
            assert spec.status is None
            theirs = modules[spec.layer].get_delta_weight("default").detach().double()
            theirs = (
                theirs.T
                if isinstance(modules[spec.layer].get_base_layer(), nn.Embedding)
                else theirs
            )
            assert spec.shape == tuple(theirs.flatten(1).shape)
            expected = torch.linalg.svdvals(theirs.flatten(1))
            core = load_kernel(checkpoint, spec)[0]
            ours = torch.linalg.svdvals(core)
            torch.testing.assert_close(
                ours, expected[: len(ours)], rtol=2e-5, atol=2e-5 * float(expected[0])
            )
            assert float(expected[len(ours) :].sum()) < 1e-4 * float(expected.sum())
            assert len(ours) <= min(spec.rank or 0, *spec.shape)


@pytest.mark.parametrize("name", {**MEASURED, **OTHERS})
def test_every_tensor_is_in_a_row_or_has_a_reason(tmp_path: Path, name: str) -> None:
    saved(tmp_path, Network(), *(MEASURED | OTHERS)[name])
    with open_checkpoint(tmp_path) as checkpoint:
        specs = list_layers(checkpoint)
        rows = {tensor for spec in specs for tensor in spec.tensors}
        for tensor, info in checkpoint.tensors.items():
            if tensor not in rows:
                assert omission(info, checkpoint.tensors) in ("vector", "factor", "token")
        if name in OTHERS:
            assert all(spec.status == "not-understood" for spec in specs)


def test_the_factors_of_a_kind_to_come_are_no_matrices() -> None:
    """Their names begin with what adapter_config.json calls the kind."""
    state = {
        "base_model.model.fc.novel_A.weight": torch.ones(4, 8),
        "head.weight": torch.ones(3, 8),
    }
    checkpoint = MemoryCheckpoint(state)
    specs = layers_by(None, checkpoint, {}, adapter={"peft_type": "NOVEL"})
    assert [spec.status for spec in specs] == ["not-understood", None]


@pytest.mark.parametrize("make", [
    lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
    lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
    lambda: peft.PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
])  # fmt: skip
def test_virtual_tokens_are_tokens(tmp_path: Path, make: Callable[[], peft.PeftConfig]) -> None:
    config = LlamaConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=1, vocab_size=30,
                         num_attention_heads=2)  # fmt: skip
    peft.get_peft_model(LlamaForCausalLM(config), make()).save_pretrained(tmp_path)
    with open_checkpoint(tmp_path) as checkpoint:
        assert list_layers(checkpoint) == []
        told = {omission(info, checkpoint.tensors) for info in checkpoint.tensors.values()}
    assert told == {"token"}


def test_a_merged_update_has_the_spectrum_of_the_adapter(tmp_path: Path) -> None:
    """From the file of the adapter to the row, against the difference that merging makes."""
    network = Network()
    before = network.first.weight.detach().clone()
    model = saved(tmp_path, network, *MEASURED["lokr"])
    after = model.merge_and_unload().first.weight.detach()
    difference = np.linalg.svd((after - before).double().numpy(), compute_uv=False)
    (row,) = (row for row in analyze(tmp_path).to_pylist() if row["layer"] == "first")
    np.testing.assert_allclose(row["log_norm"], np.log10((difference**2).sum()), rtol=1e-5)
    assert row["kind"] == "lokr"


def test_experts_have_an_update_each(tmp_path: Path) -> None:
    """peft adapts a stack of experts with one pair, whose ranks lie one after the other."""
    config = MixtralConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, vocab_size=30,
        num_attention_heads=2, num_key_value_heads=2, num_local_experts=3,
    )  # fmt: skip
    options = {"target_parameters": ["mlp.experts.down_proj"], "target_modules": [], "r": 2}
    model = saved(tmp_path, MixtralForCausalLM(config), "LoraConfig", options)
    (module,) = (m for m in model.modules() if isinstance(m, ParamWrapper))
    theirs = module.get_delta_weight("default").detach().double()
    with open_checkpoint(tmp_path) as checkpoint:
        specs = list_layers(checkpoint)
        assert [spec.index for spec in specs] == [0, 1, 2]
        for spec, update in zip(specs, theirs, strict=True):
            ours = torch.linalg.svdvals(load_kernel(checkpoint, spec)[0])
            torch.testing.assert_close(ours.float(), torch.linalg.svdvals(update)[:2].float())


@pytest.mark.parametrize(
    ("shapes", "status"),
    [
        ({"lokr_w1": (40_000, 1), "lokr_w2": (1, 40_000)}, None),  # of rank one
        ({"lokr_w1": (200, 200), "lokr_w2": (200, 200)}, "not-understood"),
        ({"c3a_kernel": (2, 2, 20_000)}, "not-understood"),
    ],
)
def test_a_giant_of_small_factors_is_not_formed(
    shapes: dict[str, tuple[int, ...]], status: str | None
) -> None:
    checkpoint = MemoryCheckpoint({f"m.{part}": torch.ones(size) for part, size in shapes.items()})
    told = [spec.status for spec in list_layers(checkpoint, config={})]
    assert told == [status]
