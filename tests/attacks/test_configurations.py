"""A configuration chooses among known architectures; it opens, fetches and runs nothing."""

import json
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from zoo_analysis import analyze
from zoo_analysis.weights.layers.architecture import blueprint
from zoo_analysis.weights.layers.building import UnbuildableError, build, timm_options
from zoo_analysis.weights.layers.confinement import OverdueError, confined

#: What was opened, asked for and started, as (event, first argument), while somebody looked.
_seen: list[tuple[str, Any]] | None = None


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event.startswith(("open", "socket.", "subprocess.", "os.system")):
        _seen.append((event, arguments[0] if arguments else None))


@pytest.fixture
def seen() -> Iterator[list[tuple[str, Any]]]:
    global _seen
    if not getattr(sys, "_zoo_looks", False):
        sys.addaudithook(_look)
        sys._zoo_looks = True  # type: ignore[attr-defined]
    _seen = []
    yield _seen
    _seen = None


class Boom:
    def __reduce__(self) -> Any:
        return (print, ("ran",))


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """A file that tells if it was run: a pickle outside of the model's folder."""
    file = tmp_path / "ckpt" / "notes.dat"
    file.parent.mkdir()
    file.write_bytes(pickle.dumps(Boom()))
    return file


REACHING: list[dict[str, Any]] = [
    {"architecture": "resnet18", "model_args": {"checkpoint_path": "{bait}"}},
    {
        "model_type": "timm_wrapper",
        "architecture": "resnet18",
        "model_args": {"checkpoint_path": "{bait}"},
    },
    {"architecture": "resnet18", "model_args": {"pretrained": True}},
    {"architecture": "resnet18", "model_args": {"pretrained_cfg": {"file": "{bait}"}}},
    {
        "architecture": "resnet18",
        "model_args": {"pretrained_cfg_overlay": {"url": "http://127.0.0.1:9"}},
    },
    {"architecture": "hf-hub:x/y"},
    {"architecture": "hf_hub:x/y"},
    {"architecture": "local-dir:{folder}"},
    {"model_type": "timm_wrapper", "architecture": "local-dir:{folder}"},
    {"model_type": "timm_backbone", "backbone": "hf-hub:x/y", "use_pretrained_backbone": True},
    {"model_type": "timm_backbone", "backbone": "resnet18", "use_pretrained_backbone": True},
    {"model_type": "detr", "backbone": "hf-hub:x/y", "use_pretrained_backbone": True},
    {
        "model_type": "detr",
        "backbone": "resnet50",
        "use_timm_backbone": True,
        "use_pretrained_backbone": True,
    },
    {
        "model_type": "detr",
        "backbone_config": {"model_type": "timm_backbone", "backbone": "hf-hub:x/y"},
    },
    {"model_type": "upernet", "backbone": "x/y", "use_pretrained_backbone": True},
    {
        "model_type": "vision-encoder-decoder",
        "encoder": {"model_type": "timm_wrapper", "architecture": "hf-hub:x/y"},
        "decoder": {"model_type": "bert"},
    },
    {
        "model_type": "rag",
        "question_encoder": {"model_type": "dpr"},
        "generator": {"model_type": "bart"},
        "index_path": "{bait}",
    },
    {"model_type": "llama", "_name_or_path": "x/y", "auto_map": {"AutoConfig": "x/y--evil.Evil"}},
    {"model_type": "../../../../etc"},
    {"model_type": "bert", "architectures": ["os.system"]},
    {"model_type": "bert", "architectures": [["BertModel"]]},
    {"model_type": "bert", "architectures": {"0": "BertModel"}},
]


@pytest.mark.parametrize("config", REACHING, ids=json.dumps)
def test_nothing_outside_is_opened_or_asked_while_an_architecture_is_built(
    config: dict[str, Any],
    bait: Path,
    seen: list[tuple[str, Any]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = json.dumps(config).replace("{bait}", str(bait)).replace("{folder}", str(bait.parent))
    blueprint(json.loads(text))
    assert not [event for event, _ in seen if event.startswith(("socket.connect", "socket.get"))]
    assert not [event for event, _ in seen if event.startswith(("subprocess", "os."))]
    opened = [str(path) for event, path in seen if event == "open"]
    assert not [path for path in opened if str(bait.parent) in path]
    assert "ran" not in capfd.readouterr().out


HUGE: list[dict[str, Any]] = [
    *({"model_type": "bert", key: 10**9} for key in ("num_hidden_layers", "num_labels")),
    *({"model_type": "bert", key: 10**400} for key in ("num_hidden_layers", "vocab_size")),
    {"model_type": "gpt2", "n_layer": 10**9},
    {"model_type": "bart", "encoder_layers": 10**8},
    {"model_type": "mixtral", "num_local_experts": 10**7},
    {"model_type": "distilbert", "max_position_embeddings": 10**9},
    {"model_type": "clip", "text_config": {"num_hidden_layers": 10**9}},
    {"model_type": "swin", "depths": [500] * 10**4},
    {"architecture": "vit_tiny_patch16_224", "model_args": {"depth": 10**9}},
    {"architecture": "vit_tiny_patch16_224", "num_classes": 10**12},
    {"architecture": "resnet18", "model_args": {"layers": [10**9, 1, 1, 1]}},
    {"architecture": "convnext_atto", "model_args": {"depths": [1] * 10**6}},
    {"model_type": "llama", "rope_scaling": json.loads('{"a":' * 12 + "1" + "}" * 12)},
]


@pytest.mark.parametrize("config", HUGE, ids=lambda config: json.dumps(config)[:60])
def test_counts_beyond_any_network_are_refused_before_it_is_built(config: dict[str, Any]) -> None:
    start = time.monotonic()
    assert blueprint(config) is None
    assert time.monotonic() - start < 20


def test_a_hundred_bytes_do_not_stop_an_analysis(tmp_path: Path) -> None:
    save_file({"fc.weight": torch.randn(20, 30)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 999999999}')
    assert analyze(tmp_path)["layer"].to_pylist() == ["fc"]


def test_endless_work_is_ended_though_it_catches_every_error() -> None:
    def work() -> None:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    start = time.monotonic()
    with pytest.raises(OverdueError), confined(0.3):
        work()
    assert time.monotonic() - start < 5
    time.sleep(0.5)  # and nothing comes afterwards


def test_work_that_is_done_in_time_is_not_interrupted_later() -> None:
    for _ in range(200):
        with suppress(OverdueError), confined(0.002):
            pass
    total = 0
    for number in range(10**6):
        total += number
    assert total


@pytest.mark.parametrize("attempt", ["read", "write", "socket", "process", "pickle"])
def test_confined_code_is_refused_what_others_may_do(tmp_path: Path, attempt: str) -> None:
    import socket

    (tmp_path / "file").write_bytes(pickle.dumps(Boom()))
    raw = pickle.dumps(Boom())
    attempts = {
        "read": lambda: (tmp_path / "file").read_bytes(),
        "write": lambda: (tmp_path / "new").write_text("x"),
        "socket": lambda: socket.create_connection(("127.0.0.1", 9), 1),
        "process": lambda: subprocess.run(["true"], check=False),
        "pickle": lambda: pickle.loads(raw),
    }
    with confined(10), pytest.raises(PermissionError):
        attempts[attempt]()
    other: list[object] = []
    with confined(10):  # another thread goes on
        thread = threading.Thread(target=lambda: other.append((tmp_path / "file").read_bytes()))
        thread.start()
        thread.join()
    assert other
    with confined(10, tmp_path):
        assert (tmp_path / "file").read_bytes()


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "bert", "num_hidden_layers": 1},
        {"model_type": "vit", "num_hidden_layers": 1},
        {"architecture": "resnet18"},
    ],
)
def test_the_first_architecture_of_a_process_is_built_too(config: dict[str, Any]) -> None:
    """What a library's import itself does, such as asking where CUDA lies, is not refused."""
    code = (
        "from zoo_analysis.weights.layers.architecture import blueprint\n"
        f"assert blueprint({config!r}) is not None"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_plain_arguments_that_an_architecture_declares_are_taken() -> None:
    options = {"img_size": 96, "depth": 3, "global_pool": "avg", "qkv_bias": False}
    assert timm_options("vit_tiny_patch16_224", options, 50) == options
    with torch.device("meta"):
        model = build({"architecture": "vit_tiny_patch16_224", "model_args": options}, None, 50)
    assert model is not None
    assert len(model.blocks) == 3  # type: ignore[arg-type]


def test_arguments_of_a_table_of_settings_are_taken() -> None:
    options = {"stem_chs": [8, 8, 16], "stage_conv_chs": [16, 16, 16, 16], "residual": False}
    assert timm_options("vovnet39a", options, 50) == options


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("resnet18", {"no_such": 1}),
        ("resnet18", {"global_pool": "../../x"}),
        ("resnet18", {"layers": {"a": "http://x"}}),
        ("no_such_model", {}),
        ("resnet18/..", {}),
    ],
)
def test_other_arguments_are_not(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(UnbuildableError):
        timm_options(name, arguments, 50)
