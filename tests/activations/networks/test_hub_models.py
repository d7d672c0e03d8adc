"""Models on the hub brought to life: their weights and what they need, never their code."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.testing import assert_close

from tests.support.loopback import Hub
from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.errors import ActivationError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import resolve_sources


def classifier(home: Path, **options: Any) -> Path:
    """A classifier of passages whose tokens are known words, and code that comes with it."""
    words = load_probe("text", 200).texts
    vocabulary = {
        "[UNK]": 0,
        **{w: i + 1 for i, w in enumerate(sorted(set(" ".join(words).split())))},
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    config = tf.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
    )
    torch.manual_seed(0)
    tf.BertForSequenceClassification(config).save_pretrained(home, **options)
    tf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(home)
    (home / "modeling_own.py").write_text("raise SystemExit")
    (home / "extra").mkdir()
    (home / "extra" / "notes.json").write_text("{}")
    return home


def pickled(home: Path) -> Path:
    model = tf.BertForSequenceClassification.from_pretrained(classifier(home))
    (home / "model.safetensors").unlink()
    torch.save(model.state_dict(), home / "pytorch_model.bin")
    return home


def sharded(home: Path) -> Path:
    return classifier(home, max_shard_size="20KB")


def logits(path: str, access: HubAccess | None = None) -> torch.Tensor:
    revived = load_network(path, access=access)
    (batch,) = revived.batches(load_probe("text", 150), 10)
    found = revived.forward(batch)
    assert found is not None
    return found


def path_on(hub: Hub, repo_id: str) -> str:
    (ref,) = resolve_sources([f"hf://{repo_id}"], hub.access).refs
    return ref.path


@pytest.mark.parametrize("make", [classifier, pickled, sharded])
def test_a_model_of_the_hub_is_the_model_that_was_uploaded(
    make: Callable[[Path], Path], hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    home = make(hub_root / "a")
    hub.add("me/a", home)
    path = path_on(hub, "me/a")
    hub.forget()
    assert_close(logits(path, hub.access), logits(str(home)))
    assert not [file for file in hub.asked if file.endswith(".py") or "notes.json" in file]
    assert not list((tmp_path / "hf").rglob("*.py"))
    hub.forget()
    logits(path, hub.access)
    assert hub.calls["resolve"] == hub.calls["cdn"] == 0


def test_what_was_fetched_needs_no_hub(hub: Hub, hub_root: Path) -> None:
    home = classifier(hub_root / "a")
    hub.add("me/a", home)
    path = path_on(hub, "me/a")
    expected = logits(path, hub.access)
    hub.repos.clear()
    assert_close(logits(path, hub.access), expected)


def test_what_the_hub_refuses_is_said_in_one_line(hub: Hub, hub_root: Path) -> None:
    repo = hub.add("me/a", classifier(hub_root / "a"))
    path = path_on(hub, "me/a")
    repo.gated = "manual"
    with pytest.raises(ActivationError, match="me/a: gated, and not open to anonymous readers"):
        load_network(path, access=hub.access)
    with pytest.raises(ActivationError, match="me/b: no such repository"):
        load_network(f"hf://me/b@{'0123456789' * 4}/model.safetensors", access=hub.access)
    assert "modeling_own" not in sys.modules
