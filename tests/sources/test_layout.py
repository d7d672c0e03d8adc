"""Which folders of a repository are models: the same on disk and on the hub."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import loopback
from tests.support.loopback import Hub
from zoo_analysis.sources import Resolved, resolve_sources

FIRST, SECOND = "config.json", "model.safetensors"


def put(root: Path, *names: str) -> Path:
    """Files of no content: which are weights is told by their names alone."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")
    return root


def folders(found: Resolved, root: str) -> dict[str, tuple[str, ...]]:
    """The models by the part of the repository that they are, with their remarks."""
    return {ref.repo_id.removeprefix("lab/net"): ref.remarks for ref in found.refs} | {
        problem.repo_id.removeprefix("lab/net"): ("problem",) for problem in found.problems
    }


def both(hub: Hub, root: Path, *names: str) -> list[Mapping[str, tuple[str, ...]]]:
    home = put(root / "lab" / "net", *names)
    hub.add("lab/net", home)
    return [
        folders(resolve_sources([str(home)]), "lab/net"),
        folders(resolve_sources(["lab/net"], hub.access), "lab/net"),
    ]


def test_a_sentence_transformer_is_its_transformer_and_its_dense_module(
    hub: Hub, hub_root: Path
) -> None:
    names = ["modules.json", "config.json", "model.safetensors", "1_Pooling/config.json",
             "2_Dense/config.json", "2_Dense/pytorch_model.bin"]  # fmt: skip
    for found in both(hub, hub_root, *names):
        assert found == {"": (), "/2_Dense": ()}


def test_modules_in_folders_of_their_own_are_the_model(hub: Hub, hub_root: Path) -> None:
    names = ["modules.json", "0_Transformer/config.json", "0_Transformer/pytorch_model.bin",
             "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/net.safetensors"]  # fmt: skip
    for found in both(hub, hub_root, *names):
        assert found == {"/0_Transformer": (), "/2_Dense": ()}


def test_adapters_in_folders_are_models_beside_the_one_in_the_root(
    hub: Hub, hub_root: Path
) -> None:
    names = [f"{folder}adapter_{part}" for folder in ("", "en/", "de/")
             for part in ("config.json", "model.safetensors")]  # fmt: skip
    for found in both(hub, hub_root, *names):
        assert found == {"": (), "/de": (), "/en": ()}


@pytest.mark.parametrize(
    "again",
    ["checkpoint-500/model.safetensors", "original/consolidated.00.pth", "global_step12/net.pt",
     "odd/net.pt", "onnx/model.safetensors"],
)  # fmt: skip
def test_what_holds_the_model_again_is_no_model_and_that_is_said(
    hub: Hub, hub_root: Path, again: str
) -> None:
    for found in both(hub, hub_root, "config.json", "model.safetensors", again):
        assert found.keys() == {""}
        assert again.split("/")[0] in " ".join(found[""])


def test_states_of_training_alone_are_models(hub: Hub, hub_root: Path) -> None:
    names = [f"checkpoint-{n}/{name}" for n in (500, 1000) for name in (FIRST, SECOND)]
    on_hub = both(hub, hub_root, *names)[1]
    assert on_hub == {"/checkpoint-1000": (), "/checkpoint-500": ()}
    assert {ref.repo_id for ref in resolve_sources([str(hub_root)]).refs} == {
        "net/checkpoint-1000",  # where nothing says that the folder around is a repository
        "net/checkpoint-500",
    }


def test_a_part_without_weights_is_a_problem_of_its_own(hub: Hub, hub_root: Path) -> None:
    names = ["model_index.json", "unet/config.json", "vae/config.json", "vae/model.safetensors"]
    for found in both(hub, hub_root, *names):
        assert found == {"/unet": ("problem",), "/vae": ()}


@pytest.mark.parametrize("beside", ["weights.nemo", "model.pdparams"])
def test_weights_of_a_format_that_is_not_read_are_remarked_on(
    hub: Hub, hub_root: Path, beside: str
) -> None:
    for found in both(hub, hub_root, "config.json", "model.safetensors", beside):
        assert f"{beside}: of a format that is not read" in found[""]


def test_a_folder_of_a_repository_of_states_can_be_named(hub: Hub, hub_root: Path) -> None:
    home = put(hub_root / "lab" / "net", "config.json", "model.safetensors",
               "checkpoint-500/model.safetensors", "a.pt")  # fmt: skip
    commit = hub.add("lab/net", home).main
    for source, repo_id, file in (
        (
            "hf://lab/net/checkpoint-500",
            "lab/net/checkpoint-500",
            "checkpoint-500/model.safetensors",
        ),
        (f"hf://lab/net/a.pt@{commit[:8]}", "lab/net/a", "a.pt"),
    ):
        (ref,) = resolve_sources([source], hub.access).refs
        assert (ref.repo_id, ref.path) == (repo_id, f"hf://lab/net@{commit}/{file}")
    (problem,) = resolve_sources(["hf://lab/net/nowhere"], hub.access).problems
    assert (problem.repo_id, "no weights" in problem.message) == ("lab/net/nowhere", True)


FOLDERS = ("", "unet/", "vae/", "1_Pooling/", "checkpoint-5/", "onnx/", "a/b/", ".git/")
FILES = ("config.json", "model.safetensors", "pytorch_model.bin", "net.pt", "other.pt",
         "model.nemo", "model.fp16.safetensors", "adapter_model.safetensors")  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    marker=st.sampled_from(["model_index.json", "modules.json", "config.json"]),
    names=st.sets(st.builds("{}{}".format, st.sampled_from(FOLDERS), st.sampled_from(FILES))),
)
def test_disk_and_hub_agree(
    tmp_path_factory: pytest.TempPathFactory, marker: str, names: set[str]
) -> None:
    root = tmp_path_factory.mktemp("hub")
    if marker == "modules.json":  # a loose checkpoint in the root is the hub's whole repository
        names = {name for name in names if "/" in name or not name.endswith(".pt")}
    home = put(root / "lab" / "net", marker, *names)
    with loopback.running(root) as hub:
        on_hub = resolve_sources(["lab/net"], hub.access)
    on_disk = resolve_sources([str(home)])
    assert {(r.repo_id, r.remarks) for r in on_hub.refs} == {
        (r.repo_id, r.remarks) for r in on_disk.refs
    }
    if on_disk.refs:
        assert {p.repo_id for p in on_hub.problems} == {p.repo_id for p in on_disk.problems}
