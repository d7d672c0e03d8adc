"""Pipelines as diffusers writes them: the same parts are models on disk and on the hub."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support import loopback
from tests.support.loopback import Hub
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.weights import open_checkpoint, read_config

PARTS = {"text_encoder", "unet", "vae"}
CARD = """---
license: openrail++
library_name: diffusers
model-index:
- name: pipe
  results:
  - task: {type: text-to-image}
    dataset: {type: coco, name: COCO}
    metrics: [{type: fid, value: 12.5}]
---
"""


@pytest.fixture(scope="module")
def networks() -> Mapping[str, torch.nn.Module]:
    """The networks of a Stable Diffusion of a few thousand weights."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=8,
    )  # fmt: skip
    text = CLIPTextConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        vocab_size=50, max_position_embeddings=16,
    )  # fmt: skip
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=16)
    return {"unet": unet, "text_encoder": CLIPTextModel(text), "vae": vae}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, networks: Mapping[str, Any]) -> Path:
    """A pipeline in shards, once in float32 and once in float16, with a copy in one file."""
    from diffusers import DDIMScheduler, DiTPipeline, DiTTransformer2DModel, StableDiffusionPipeline

    root = tmp_path_factory.mktemp("hub")
    scheduler = DDIMScheduler(steps_offset=1, clip_sample=False)
    pipe = StableDiffusionPipeline(
        **networks, scheduler=scheduler, tokenizer=None, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(root / "lab" / "pipe", max_shard_size="60KB")
    pipe.to(torch.float16)
    pipe.save_pretrained(root / "lab" / "pipe", max_shard_size="60KB", variant="fp16")
    pipe.to(torch.float32)
    (root / "lab" / "pipe" / "README.md").write_text(CARD)
    torch.save({"a.weight": torch.ones(8, 8)}, root / "lab" / "pipe" / "pipe-v1.ckpt")
    dit = DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, num_layers=1, sample_size=8,
        norm_num_groups=4, num_embeds_ada_norm=10,
    )  # fmt: skip
    DiTPipeline(dit, networks["vae"], scheduler).save_pretrained(
        root / "lab" / "dit", safe_serialization=False
    )
    return root


@pytest.fixture(scope="module")
def served(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with loopback.running(root) as hub:
        hub.access = replace(hub.access, home=str(tmp_path_factory.mktemp("hf")))
        yield hub


def both(root: Path, hub: Hub, name: str, variant: str = "") -> list[dict[str, ModelRef]]:
    """The models of a repository by their repo_id: those on disk, and those on the hub."""
    found = [
        resolve_sources([str(root / name)], variant=variant),
        resolve_sources([name], hub.access, variant),
    ]
    assert not any(each.problems for each in found)
    return [{ref.repo_id: ref for ref in each.refs} for each in found]


@pytest.mark.parametrize(
    ("name", "parts"), [("lab/pipe", PARTS), ("lab/dit", {"transformer", "vae"})]
)
def test_the_parts_of_a_pipeline_are_models_on_disk_and_on_the_hub(
    root: Path, served: Hub, name: str, parts: set[str]
) -> None:
    for found in both(root, served, name):
        assert set(found) == {f"{name}/{part}" for part in parts}


@pytest.mark.parametrize("variant", ["", "fp16"])
@pytest.mark.parametrize("part", sorted(PARTS))
def test_each_part_is_opened_with_its_own_weights_in_the_variant_that_was_chosen(
    root: Path, served: Hub, networks: Mapping[str, torch.nn.Module], part: str, variant: str
) -> None:
    name = f"lab/pipe/{part}" + (f":{variant}" if variant else "")
    weights = networks[part].state_dict()
    for found in both(root, served, "lab/pipe", variant):
        with open_checkpoint(found[name].path, served.access) as checkpoint:
            config = read_config(checkpoint)
            read = {key: checkpoint.read(key) for key in checkpoint.tensors}
        assert read.keys() == weights.keys()
        assert {tensor.dtype for key, tensor in read.items() if "position_ids" not in key} == {
            torch.float16 if variant else torch.float32
        }
        for key, tensor in read.items():
            torch.testing.assert_close(tensor.float(), weights[key].float(), atol=1e-3, rtol=1e-3)
        assert (
            config.get("_class_name", config.get("model_type"))
            == {
                "unet": "UNet2DConditionModel",
                "vae": "AutoencoderKL",
                "text_encoder": "clip_text_model",
            }[part]
        )


def test_a_variant_is_another_model_than_the_plain_weights(root: Path) -> None:
    plain, fp16 = (
        {
            (ref.repo_id, resolve_revision(ref).revision)
            for ref in resolve_sources([str(root / "lab" / "pipe")], variant=variant).refs
        }
        for variant in ("", "fp16")
    )
    assert len(plain) == len(fp16) == 3
    assert not {name for name, _ in plain} & {name for name, _ in fp16}
    assert not {revision for _, revision in plain} & {revision for _, revision in fp16}


def test_the_card_is_that_of_the_repository_and_told_once(root: Path, served: Hub) -> None:
    for found in both(root, served, "lab/pipe"):
        assert {(ref.license, ref.library) for ref in found.values()} == {
            ("openrail++", "diffusers")
        }
        reported = [accuracy for ref in found.values() for accuracy in ref.accuracies]
        assert [(a.repo_id, a.dataset, a.value) for a in reported] == [("lab/pipe", "coco", 12.5)]


def test_a_copy_in_one_file_is_no_model_of_its_own_and_that_is_said(
    root: Path, served: Hub
) -> None:
    for found in both(root, served, "lab/pipe"):
        (remark,) = [text for ref in found.values() for text in ref.remarks]
        assert "pipe-v1.ckpt" in remark


def test_a_part_alone_is_called_as_among_the_others(root: Path, served: Hub) -> None:
    on_disk = resolve_sources([str(root / "lab" / "pipe" / "vae")]).refs
    on_hub = resolve_sources(["hf://lab/pipe/vae"], served.access).refs
    assert [ref.repo_id for ref in (*on_disk, *on_hub)] == ["lab/pipe/vae"] * 2
    (fp16,) = resolve_sources(["hf://lab/pipe/unet:fp16"], served.access).refs
    assert (fp16.repo_id, "fp16" in fp16.path) == ("lab/pipe/unet:fp16", True)


def test_a_variant_that_is_not_there_leaves_the_plain_weights_and_a_remark(
    root: Path, served: Hub
) -> None:
    for found in both(root, served, "lab/pipe", "non_ema"):
        assert set(found) == {f"lab/pipe/{part}" for part in PARTS}
        assert all("non_ema" in " ".join(ref.remarks) for ref in found.values())
    with pytest.raises(CheckpointError, match="no weights of the variant non_ema"):
        analyze(root / "lab" / "pipe" / "vae", variant="non_ema")


def test_analyze_measures_the_variant_that_is_named(
    root: Path, networks: Mapping[str, torch.nn.Module]
) -> None:
    weight = networks["text_encoder"].state_dict()["encoder.layers.0.mlp.fc1.weight"]
    table = analyze(root / "lab" / "pipe" / "text_encoder", variant="fp16")
    (row,) = [r for r in table.to_pylist() if r["layer"].endswith("layers.0.mlp.fc1")]
    assert row["log_norm"] == pytest.approx(float(weight.half().double().square().sum().log10()))
