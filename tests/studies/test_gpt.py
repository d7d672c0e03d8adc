"""GPT against GPT-2, on tiny models of these architectures."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, OpenAIGPTConfig, OpenAIGPTLMHeadModel

import zoo_analysis
from tests.support.loopback import Hub
from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.studies import gpt
from zoo_analysis.studies.study import Setting

SIZES = {"n_embd": 48, "n_layer": 4, "n_head": 2, "n_positions": 16, "vocab_size": 40}


def heavier(net: torch.nn.Module, tail: float) -> torch.nn.Module:
    """The network with entries of Student's distribution, heavier of fewer degrees of freedom."""
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _, weight in net.named_parameters():
            if weight.ndim == 2:
                weight.copy_(torch.tensor(rng.standard_t(tail, weight.shape)))
    return net


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a GPT of light tails and a GPT-2 of heavy ones."""
    folder = tmp_path_factory.mktemp("models")
    heavier(OpenAIGPTLMHeadModel(OpenAIGPTConfig(**SIZES)), 30).save_pretrained(
        folder / "openai-gpt"
    )
    heavier(GPT2LMHeadModel(GPT2Config(**SIZES)), 1.5).save_pretrained(folder / "gpt2")
    return folder


@pytest.fixture
def served(both: Path, hub: Hub, hub_root: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    for name in (gpt.POOR, gpt.WELL):
        repo_id = f"openai-community/{name}"
        hub.add(repo_id, Path(shutil.copytree(both / name, hub_root / repo_id)))
    monkeypatch.setattr(gpt, "default_access", lambda: hub.access)
    return hub


@pytest.mark.usefixtures("served")
def test_both_are_scanned_on_the_hub_and_compared_matrix_by_matrix(
    both: Path, tmp_path: Path
) -> None:
    found = gpt.run(Setting(tmp_path, seeds=1))
    rows = found.table.to_pylist()
    shares = {row["measure"]: row for row in rows if "share of pairs" in row["quantity"]}
    assert shares["alpha"]["n"] == 4 * SIZES["n_layer"]
    alphas = [
        [
            row["alpha"]
            for row in zoo_analysis.analyze(both / name, "nature2021").to_pylist()
            if row["kind"] != "embedding" and row["alpha"] is not None
        ]
        for name in (gpt.POOR, gpt.WELL)
    ]
    assert shares["alpha"]["value"] == np.mean(np.greater(*alphas)) > 0.8
    assert shares["log_norm"]["value"] == 0
    assert found.seen is True
    assert found.verdict.startswith("Seen: of 16 corresponding matrices of GPT and GPT-2, GPT has")
    means = {(r["group"], r["measure"]): r["value"] for r in rows if r["quantity"] == "mean"}
    assert means["gpt2", "alpha"] == pytest.approx(np.mean(alphas[1]))


def test_weightwatchers_tables_stand_for_a_scan(tmp_path: Path) -> None:
    for name, alpha in ((gpt.POOR, 6.5), (gpt.WELL, 3.5)):
        pd.DataFrame(
            {
                "layer_id": range(8),
                "name": [f"layer{i}" for i in range(8)],
                "layer_type": "DENSE",
                "N": 96,
                "M": 32,
                "alpha": alpha + 0.1 * np.arange(8),
                "log_norm": 1.0 + (alpha < 5),
                "log_spectral_norm": 0.5 + (alpha < 5),
            }
        ).to_csv(tmp_path / f"{name}.csv", index=False)
    found = gpt.run(Setting(tmp_path, seeds=1, data=tmp_path))
    assert found.seen is True
    rows = {(r["group"], r["quantity"]): r["value"] for r in found.table.to_pylist()}
    assert rows["openai-gpt", "share above 6"] == 1
    assert rows["gpt2", "share above 6"] == 0
    assert rows["openai-gpt", "largest"] == pytest.approx(7.2)


def test_a_missing_table_and_models_of_other_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no openai-gpt\.csv"):
        gpt.run(Setting(tmp_path, seeds=1, data=tmp_path))
    for name, layers in ((gpt.POOR, 8), (gpt.WELL, 9)):
        pd.DataFrame(
            {"layer_id": range(layers), "layer_type": "DENSE", "N": 96, "M": 32, "alpha": 3.0}
        ).to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(ZooError, match="do not correspond"):
        gpt.run(Setting(tmp_path, seeds=1, data=tmp_path))
