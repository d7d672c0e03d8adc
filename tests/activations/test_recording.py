"""Captured activations are those that the layers give, computed here without hooks."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn.functional import conv2d, linear

from tests.support.small_networks import PASSAGES, as_input, noise_images, reading, seeing
from zoo_analysis.activations import Captured, capture
from zoo_analysis.activations.probes.probe import image_probe
from zoo_analysis.errors import ActivationError


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(inplace=True),  # overwrites what the convolution gave
        nn.Conv2d(6, 5, 3, stride=2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(45, 7),
        nn.Tanh(),
        nn.Linear(7, 10),
    )


def _by_name(seen: Captured) -> dict[str, np.ndarray]:
    return {layer.name: layer.values for layer in seen.layers}


def test_layers_give_what_their_weights_make_of_their_inputs(network: nn.Sequential) -> None:
    probe = noise_images(11)
    seen = capture(seeing(network, ["7"]), probe, positions=None, batch_size=4)
    with torch.no_grad():
        x = as_input(probe)
        first = conv2d(x, network[0].weight, network[0].bias, padding=1)
        second = conv2d(first.relu(), network[2].weight, network[2].bias, stride=2)
        third = linear(second.relu().flatten(1), network[5].weight, network[5].bias)
        logits = linear(third.tanh(), network[7].weight, network[7].bias)
    assert [(layer.name, layer.depth) for layer in seen.layers] == [("0", 0), ("2", 1), ("5", 2)]
    assert [layer.size for layer in seen.layers] == [(8, 8), (3, 3), (1, 1)]
    found = _by_name(seen)
    assert_allclose(found["0"], first, atol=1e-6)
    assert_allclose(found["2"], second, atol=1e-6)
    assert_allclose(found["5"], third[:, :, None, None], atol=1e-6)
    assert_allclose(seen.outputs, logits, atol=1e-6)
    assert all(layer.values.dtype == np.float32 for layer in seen.layers)


def test_what_is_captured_does_not_depend_on_the_batch_size(network: nn.Sequential) -> None:
    probe = noise_images(7)
    one, all_ = (capture(seeing(network, ["7"]), probe, batch_size=size) for size in (1, 7))
    for a, b in zip(one.layers, all_.layers, strict=True):
        assert_allclose(a.values, b.values, atol=1e-6)
    assert_allclose(one.outputs, all_.outputs, atol=1e-6)
    assert_allclose(one.inputs, all_.inputs)


def test_captured_carries_the_probe(network: nn.Sequential) -> None:
    probe = noise_images(5)
    seen = capture(seeing(network, ["7"]), probe)
    assert (seen.probe, seen.n) == (probe.id, 5)
    assert seen.labels is not None
    assert seen.labels.tolist() == [0, 1, 2, 3, 4]
    assert_allclose(seen.inputs, as_input(probe).flatten(1))


def test_inputs_are_pooled_to_sixteen_pixels_a_side() -> None:
    probe = noise_images(3, side=64)
    seen = capture(seeing(nn.Sequential(nn.Conv2d(3, 4, 3))), probe)
    cells = as_input(probe).reshape(3, 3, 16, 4, 16, 4).mean((3, 5))
    assert_allclose(seen.inputs, cells.flatten(1), atol=1e-6)


def test_without_a_classifier_there_are_no_outputs(network: nn.Sequential) -> None:
    seen = capture(seeing(network), noise_images(2))
    assert seen.outputs is None
    assert [layer.name for layer in seen.layers] == ["0", "2", "5", "7"]


def test_the_hooks_are_gone_afterwards(network: nn.Sequential) -> None:
    capture(seeing(network, ["7"]), noise_images(2))
    assert not any(module._forward_hooks for module in network.modules())


def test_a_module_of_several_calls_is_read_at_its_first() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.step(self.step(x.flatten(1)[:, :4]))

    module = Again()
    probe = noise_images(6)
    seen = capture(seeing(module), probe)
    once = linear(as_input(probe).flatten(1)[:, :4], module.step.weight, module.step.bias)
    assert_allclose(seen.layers[0].values[:, :, 0, 0], once.detach(), atol=1e-6)


def test_a_module_that_most_inputs_pass_by_is_refused_by_name() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.always, self.rarely = nn.Linear(192, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.always(x.flatten(1))
            return self.rarely(x) if len(x) == 2 else x

    with pytest.raises(ActivationError, match=r"rarely runs for some inputs only; .*`layers`"):
        capture(seeing(Sometimes()), noise_images(3), batch_size=3)


@pytest.mark.parametrize("whole_words", [False, True])
def test_tokens_are_averaged_into_words(whole_words: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Embedding(40, 6), nn.Linear(6, 5))
    network.forward = lambda input_ids, **_: nn.Sequential.forward(network, input_ids)
    revived = reading(network, whole_words)
    seen = capture(revived, PASSAGES, batch_size=2)
    (layer,) = seen.layers
    (batch,) = revived.batches(PASSAGES, 3)
    assert not isinstance(batch, torch.Tensor)
    with torch.no_grad():
        embedded = network[0](batch["input_ids"])
        tokens = network[1](embedded)
    for word in range(15):
        of_word = batch["words"] == word
        assert_allclose(layer.values[word], tokens[of_word].mean(0), atol=1e-6)
        assert_allclose(seen.inputs[word], embedded[of_word].mean(0), atol=1e-6)
    assert layer.values.shape == (15, 5)
    assert (seen.n, seen.outputs, layer.size) == (15, None, ())


def test_models_of_other_vocabularies_see_the_same_words() -> None:
    letters, words = (
        capture(reading(_gpt2(), whole_words), PASSAGES) for whole_words in (False, True)
    )
    assert letters.n == words.n == len(letters.layers[0].values) == len(words.layers[0].values)


def _gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=40, n_positions=64, n_embd=12, n_layer=2, n_head=2)
    )


def test_gpt2_layers_are_those_of_its_own_arithmetic() -> None:
    network = _gpt2()
    revived = reading(network, whole_words=True, classifier=["lm_head"])
    seen = capture(revived, PASSAGES)
    assert [layer.name.removeprefix("transformer.h.") for layer in seen.layers] == [
        f"{block}.{name}"
        for block in (0, 1)
        for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    ]
    (batch,) = revived.batches(PASSAGES, 3)
    assert not isinstance(batch, torch.Tensor)
    gpt, block = network.transformer, network.transformer.h[0]
    with torch.no_grad():
        places = torch.arange(batch["input_ids"].shape[1])
        hidden = block.ln_1(gpt.wte(batch["input_ids"]) + gpt.wpe(places))
        expected = hidden @ block.attn.c_attn.weight + block.attn.c_attn.bias
    found = _by_name(seen)["transformer.h.0.attn.c_attn"]
    assert_allclose(found, expected[batch["words"] >= 0], atol=1e-5)  # a token a word
    assert_allclose(seen.inputs, gpt.wte(batch["input_ids"]).detach()[batch["words"] >= 0])


def test_bert_hidden_states_are_those_that_transformers_returns() -> None:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40, hidden_size=12, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=20, max_position_embeddings=64,
    )  # fmt: skip
    network = BertModel(config)
    revived = reading(network, whole_words=True)
    # A layer's output is (hidden states, …), and the hidden states are what is meant.
    seen = capture(revived, PASSAGES, layers=r"encoder\.layer\.\d")
    (batch,) = revived.batches(PASSAGES, 3)
    assert not isinstance(batch, torch.Tensor)
    with torch.no_grad():
        states = network(
            batch["input_ids"], batch["attention_mask"], output_hidden_states=True
        ).hidden_states
    for layer, state in zip(seen.layers, states[1:], strict=True):
        assert_allclose(layer.values, state[batch["words"] >= 0], atol=1e-5)
    # Of its weight layers all but the pooler's, which sees one token of each passage.
    names = [layer.name for layer in capture(revived, PASSAGES).layers]
    assert len(names) == 12
    assert not any("pooler" in name for name in names)


def test_more_than_fits_is_refused_before_the_network_sees_the_probe(
    network: nn.Sequential,
) -> None:
    rows: list[int] = []
    handle = network.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    with pytest.raises(ActivationError, match=r"over 50 samples need [\d.]+ kB.*`samples`"):
        capture(seeing(network, ["7"]), noise_images(50), limit_bytes=10_000)
    handle.remove()
    assert rows == [2]
    # 16 + 9 positions, pooled to at most 4 × 4, and a vector
    size = 4 * 50 * (16 * 6 + 9 * 5 + 7)
    assert len(capture(seeing(network, ["7"]), noise_images(50), limit_bytes=size).layers) == 3
    with pytest.raises(ActivationError):
        capture(seeing(network, ["7"]), noise_images(50), limit_bytes=size - 1)


def test_a_probe_without_samples_or_positions_is_refused(network: nn.Sequential) -> None:
    with pytest.raises(ActivationError, match=r"empty-.* without samples"):
        capture(seeing(network), image_probe("empty", []))
    with pytest.raises(ActivationError, match="`positions` 0"):
        capture(seeing(network), noise_images(2), positions=0)


@pytest.mark.cuda
def test_a_network_on_cuda_gives_the_same_on_the_cpu(network: nn.Sequential) -> None:
    from dataclasses import replace

    here = capture(seeing(network, ["7"]), noise_images(9))
    there = replace(seeing(network.cuda(), ["7"]), device=torch.device("cuda"))
    try:
        seen = capture(there, noise_images(9))
    finally:
        network.cpu()
    for a, b in zip(here.layers, seen.layers, strict=True):
        assert_allclose(a.values, b.values, atol=1e-2)  # convolutions may be in TF32
