"""Names of files and architectures."""

from pathlib import Path

import pytest

from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources.metadata import timm_family
from zoo_analysis.weights.readers.files import weight_files


@pytest.mark.parametrize(
    "names",
    [
        ["model.safetensors", "pytorch_model.bin", "optimizer.pt"],
        ["pytorch_model.bin", "training_args.bin"],
        ["net.safetensors", "net.pth"],
        ["net.pth.tar", "rng_state.pth", "scheduler.pt", "notes.txt"],
        ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"],
        ["adapter_model.safetensors", "adapter_config.json"],
        ["weights.th"],
        ["only.ckpt"],
    ],
)
def test_the_files_counted_are_the_files_read(tmp_path, names):
    from zoo_analysis.weights import locate

    for name in names:
        (tmp_path / name).write_text("{}")
    assert list(weight_files(list(tmp_path.iterdir()))) == locate.weight_files(tmp_path)


def test_the_shards_of_an_index_are_counted(tmp_path):
    from zoo_analysis.weights import locate

    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name in (*shards, "consolidated.safetensors"):
        (tmp_path / name).write_text("")
    (tmp_path / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-00001-of-00002.safetensors",'
        ' "b": "model-00002-of-00002.safetensors"}}'
    )
    found = list(weight_files(list(tmp_path.iterdir())))
    assert found == locate.weight_files(tmp_path)
    assert [path.name for path in found] == shards


def test_a_directory_without_weights_has_none_for_both(tmp_path):
    from zoo_analysis.weights import locate

    (tmp_path / "config.json").write_text("{}")
    assert weight_files(list(tmp_path.iterdir())) == ()
    with pytest.raises(CheckpointError):
        locate.weight_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("vgg11_bn.tv_in1k", "vgg"),
        ("resnet50d", "resnet"),
        ("resnetv2_50x1_bit", "resnetv2"),
        ("res2net50_26w_4s", "res2net"),
        ("densenet121", "densenet"),
        ("tf_efficientnet_lite0", "efficientnet"),
        ("tf_efficientnetv2_s", "efficientnetv2"),
        ("mobilenetv3_large_100", "mobilenetv3"),
        ("regnety_032", "regnety"),
        ("vit_small_patch16_224", "vit"),
        ("swin_tiny_patch4_window7_224", "swin"),
        ("ese_vovnet39b", "vovnet"),
        ("legacy_seresnet50", "seresnet"),
        ("convnextv2_base", "convnextv2"),
    ],
)
def test_the_family_of_a_timm_architecture_is_its_name_without_size(name, family):
    assert timm_family(name) == family


def test_no_architecture_is_without_a_family():
    import timm

    assert all(timm_family(name) for name in timm.list_models())


def test_resolving_sources_imports_no_framework():
    import subprocess
    import sys

    code = (
        "import sys, zoo_analysis.sources, zoo_analysis.digits;"
        "sys.exit(str([m for m in ('torch', 'timm', 'transformers', 'sklearn', 'ray',"
        " 'huggingface_hub', 'numpy') if m in sys.modules] or '') or 0)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
