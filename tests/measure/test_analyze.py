"""`analyze` gives the same rows for a model on disk, in memory, and as a state dict."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.spectra import method


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    made: torch.nn.Module = timm.create_model("resnet18", num_classes=10)
    return made


def rows(table: object) -> list[dict[str, object]]:
    frame = table.drop_columns(["seconds"])  # type: ignore[attr-defined]
    found: list[dict[str, object]] = frame.to_pylist()
    return found


def test_a_module_its_state_dict_and_its_files_have_the_same_layers(
    model: torch.nn.Module, tmp_path: Path
) -> None:
    file = tmp_path / "resnet18.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, file)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "resnet18", "num_classes": 10}')
    file.rename(tmp_path.parent / "resnet18.pth")
    expected = rows(analyze(model))
    assert len(expected) == 21
    assert rows(analyze(model.state_dict())) == expected
    assert rows(analyze(tmp_path.parent / "resnet18.pth")) == expected
    assert rows(analyze(tmp_path)) == expected


def test_a_module_says_what_names_cannot() -> None:
    """A transposed convolution with as many inputs as outputs, in groups."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.ConvTranspose2d(32, 32, 3, groups=2))
    (row,) = rows(analyze(net))
    assert row["kind"] == "conv_transpose2d"
    assert (row["N"], row["M"], row["num_evals"]) == (16, 16, 2 * 9 * 16)


def test_the_layer_metrics_of_a_linear_module_are_those_of_its_matrix() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(30, 50, bias=False))
    (row,) = rows(analyze(net))
    singular = torch.linalg.svdvals(next(net.parameters()).detach().double())
    assert row["lambda_max"] == pytest.approx(float(singular[0] ** 2))
    assert row["log_norm"] == pytest.approx(float((singular**2).sum().log10()))


def test_split_qkv_adds_the_parts_and_keeps_the_whole() -> None:
    torch.manual_seed(0)
    vit = timm.create_model("vit_tiny_patch16_224", depth=1, num_classes=10)
    whole = {row["layer"]: row for row in rows(analyze(vit))}
    split = {row["layer"]: row for row in rows(analyze(vit, method(split_qkv=True)))}
    parts = {name for name in split if name not in whole}
    assert parts == {f"blocks.0.attn.qkv[{part}]" for part in "qkv"}
    assert all(split[part]["part_of"] == "blocks.0.attn.qkv" for part in parts)
    total = sum(10 ** float(str(split[part]["log_norm"])) for part in parts)
    assert total == pytest.approx(10 ** float(str(whole["blocks.0.attn.qkv"]["log_norm"])))


def test_nothing_to_analyse_is_said_so() -> None:
    with pytest.raises(CheckpointError, match="without tensors"):
        analyze({})
