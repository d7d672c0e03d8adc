"""Kind, groups and depth from the architecture and from names and shapes agree: transformers."""

from typing import Any

import pytest
import torch
import transformers
from transformers import AutoConfig

from tests.support.routes import HeaderOnly, books, disagreements, layers_by, verdicts
from zoo_analysis.weights.layers.architecture import blueprint, describe

TEXT = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 99}
LLM = {**TEXT, "intermediate_size": 96, "num_key_value_heads": 2, "head_dim": 16}
GPT = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 99}
BART = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "vocab_size": 99,
}
MOE = {**LLM, "num_experts": 4, "num_local_experts": 4, "moe_intermediate_size": 32}

#: model type → (class, small configuration); an empty one is the library's default.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertForMaskedLM", TEXT),
    "roberta": ("RobertaForMaskedLM", TEXT),
    "distilbert": ("DistilBertForMaskedLM", {}),
    "albert": ("AlbertForMaskedLM", {**TEXT, "embedding_size": 32}),
    "electra": ("ElectraForMaskedLM", {**TEXT, "embedding_size": 32}),
    "deberta-v2": ("DebertaV2ForMaskedLM", TEXT),
    "mpnet": ("MPNetForMaskedLM", TEXT),
    "modernbert": ("ModernBertForMaskedLM", {}),
    "squeezebert": ("SqueezeBertForMaskedLM", {}),
    "gpt2": ("GPT2LMHeadModel", GPT),
    "openai-gpt": ("OpenAIGPTLMHeadModel", GPT),
    "gpt_neo": ("GPTNeoForCausalLM", {}),
    "gpt_neox": ("GPTNeoXForCausalLM", LLM),
    "gptj": ("GPTJForCausalLM", GPT),
    "gpt_bigcode": ("GPTBigCodeForCausalLM", GPT),
    "codegen": ("CodeGenForCausalLM", {}),
    "opt": ("OPTForCausalLM", {}),
    "bloom": ("BloomForCausalLM", GPT),
    "llama": ("LlamaForCausalLM", LLM),
    "mistral": ("MistralForCausalLM", LLM),
    "mixtral": ("MixtralForCausalLM", MOE),
    "qwen2": ("Qwen2ForCausalLM", LLM),
    "qwen3": ("Qwen3ForCausalLM", LLM),
    "qwen3_moe": ("Qwen3MoeForCausalLM", MOE),
    "gpt_oss": ("GptOssForCausalLM", MOE),
    "gemma": ("GemmaForCausalLM", LLM),
    "gemma2": ("Gemma2ForCausalLM", LLM),
    "phi": ("PhiForCausalLM", LLM),
    "phi3": ("Phi3ForCausalLM", {**LLM, "pad_token_id": 0}),
    "falcon": ("FalconForCausalLM", TEXT),
    "olmo": ("OlmoForCausalLM", LLM),
    "starcoder2": ("Starcoder2ForCausalLM", LLM),
    "stablelm": ("StableLmForCausalLM", LLM),
    "mamba": ("MambaForCausalLM", {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 99}),
    "t5": ("T5ForConditionalGeneration", {}),
    "bart": ("BartForConditionalGeneration", BART),
    "mbart": ("MBartForConditionalGeneration", BART),
    "pegasus": ("PegasusForConditionalGeneration", BART),
    "whisper": ("WhisperForConditionalGeneration", {**BART, "pad_token_id": 0}),
    "wav2vec2": ("Wav2Vec2ForCTC", {}),
    "vit": ("ViTForImageClassification", {}),
    "deit": ("DeiTForImageClassification", {}),
    "swin": ("SwinForImageClassification", {}),
    "beit": ("BeitForImageClassification", {}),
    "dinov2": ("Dinov2ForImageClassification", {}),
    "convnext": ("ConvNextForImageClassification", {}),
    "resnet": ("ResNetForImageClassification", {}),
    "regnet": ("RegNetForImageClassification", {}),
    "mobilevit": ("MobileViTForImageClassification", {}),
    "segformer": ("SegformerForSemanticSegmentation", {}),
    "clip": ("CLIPModel", {}),
    "blip": ("BlipModel", {}),
}


def build(family: str) -> torch.nn.Module:
    name, options = FAMILIES[family]
    made = AutoConfig.for_model(family, **options)
    with torch.device("meta"):
        model = getattr(transformers, name)(made)
    model.tie_weights()
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_names_tell_what_the_architecture_tells(family: str) -> None:
    model = build(family)
    found = disagreements(model)
    assert not found, f"{family}: {len(found)} layers differ, such as {found[:3]}"
    inventory = books(model)
    assert inventory.coverage is not None
    assert inventory.coverage > 0.9, f"{family}: {inventory.left_out}"


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "mixtral", "vit", "t5"])
def test_a_config_file_names_the_architecture(family: str) -> None:
    name, options = FAMILIES[family]
    plan = blueprint({"model_type": family, "architectures": [name], **options})
    assert plan is not None
    assert plan == describe(build(family))


def test_a_checkpoint_of_the_base_model_is_found_under_its_prefix() -> None:
    """sentence-transformers store ``encoder.…`` where BERT says ``bert.encoder.…``."""
    plan = describe(build("bert"))
    base = transformers.BertModel(AutoConfig.for_model("bert", **TEXT))
    layers = verdicts(layers_by(plan, HeaderOnly(base, ordered=False), {}))
    assert layers == verdicts(layers_by(None, HeaderOnly(base), {}))
    assert plan.find("encoder.layer.0.output.dense.weight") is not None


def test_a_tied_output_projection_counts_once() -> None:
    layers = {v.layer for v in verdicts(layers_by(None, HeaderOnly(build("gpt2")), {}))}
    assert "transformer.wte" in layers
    assert "lm_head" not in layers


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "made-up"},
        {"architecture": "no_such_model"},
        {"model_type": "llama", "hidden_size": "many"},
        {"model_type": ["llama"]},
        {"architecture": "resnet18", "model_args": {"no_such": 1}},
    ],
)
def test_a_config_that_names_nothing_buildable_is_no_error(config: dict[str, Any]) -> None:
    assert blueprint(config) is None


def test_the_config_of_another_model_is_set_aside() -> None:
    plan = describe(build("llama"))
    checkpoint = HeaderOnly(build("resnet"))
    assert layers_by(plan, checkpoint, {}) == layers_by(None, checkpoint, {})
