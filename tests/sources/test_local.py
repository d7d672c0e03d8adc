"""What paths on disk come to, and what they are called."""

import json
import os
import time
from pathlib import Path

import pytest

from zoo_analysis.errors import SourceError
from zoo_analysis.sources import resolve_sources
from zoo_analysis.sources.local import local_models


def put(path: Path, content: str = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def ids(*sources: Path) -> list[str]:
    return [ref.repo_id for ref in resolve_sources([str(source) for source in sources]).refs]


def test_a_directory_in_hub_layout_is_one_model_called_by_its_last_two_components(tmp_path):
    model = tmp_path / "timm" / "vgg11"
    put(model / "model.safetensors", "x" * 10)
    put(model / "pytorch_model.bin", "x" * 99)
    put(model / "config.json", '{"architecture": "vgg11_bn"}')
    [ref] = resolve_sources([str(model)]).refs
    assert (ref.repo_id, ref.revision, ref.source) == ("timm/vgg11", None, "local")
    assert (ref.architecture, ref.library, ref.series) == ("timm:vgg11_bn", "timm", "vgg")
    assert ref.nbytes == 10, "safetensors are what would be read"
    assert ref.path == str(model)


def test_relative_paths_are_called_by_their_absolute_components(tmp_path, monkeypatch):
    put(tmp_path / "owner" / "name" / "model.safetensors")
    monkeypatch.chdir(tmp_path / "owner" / "name")
    assert ids(Path(".")) == ["owner/name"]


@pytest.mark.parametrize(
    ("file", "repo_id"),
    [
        ("best.pth", "runs/best"),
        ("net.pth.tar", "runs/net"),
        ("a.b.safetensors", "runs/a.b"),
        ("x.ckpt", "runs/x"),
        ("vad.jit", "runs/vad"),  # its reader says why not
    ],
)
def test_a_file_is_a_model_called_by_its_stem(tmp_path, file, repo_id):
    assert ids(put(tmp_path / "runs" / file)) == [repo_id]


def test_a_tree_is_walked_and_a_repository_is_not_entered(tmp_path):
    put(tmp_path / "a" / "one" / "model.safetensors")
    put(tmp_path / "a" / "one" / "checkpoint-500" / "model.safetensors")
    shards = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    for shard in shards:
        put(tmp_path / "b" / "two" / shard)
    index = {"weight_map": dict(zip(("a", "b"), shards, strict=True))}
    put(tmp_path / "b" / "two" / "pytorch_model.bin.index.json", json.dumps(index))
    put(tmp_path / "b" / "two" / "optimizer.pt")
    put(tmp_path / ".cache" / "hidden" / "model.safetensors")
    resolved = resolve_sources([str(tmp_path)])
    assert [(ref.repo_id, ref.nbytes) for ref in resolved.refs] == [("a/one", 7), ("b/two", 14)]
    assert resolved.problems == ()


def test_a_folder_of_loose_checkpoints_is_as_many_models(tmp_path):
    put(tmp_path / "checkpoints" / "resnet18.pth")
    put(tmp_path / "checkpoints" / "vgg11.pth")
    put(tmp_path / "checkpoints" / "deeper" / "config.json", "{}")
    put(tmp_path / "checkpoints" / "deeper" / "odd-name.pt")
    assert ids(tmp_path) == ["checkpoints/resnet18", "checkpoints/vgg11", "checkpoints/deeper"]


def test_empty_and_weightless_directories_are_problems_and_the_rest_is_scanned(tmp_path):
    put(tmp_path / "zoo" / "good" / "model.safetensors")
    put(tmp_path / "zoo" / "weightless" / "config.json", "{}")
    put(tmp_path / "zoo" / "notes" / "README.md", "# nothing wrong with a folder of notes")
    (tmp_path / "zoo" / "empty").mkdir()
    resolved = resolve_sources([str(tmp_path)])
    assert [ref.repo_id for ref in resolved.refs] == ["zoo/good"]
    problems = {problem.repo_id: problem for problem in resolved.problems}
    assert set(problems) == {"zoo/weightless", "zoo/empty"}
    assert {problem.stage for problem in problems.values()} == {"source"}
    assert "no weights" in problems["zoo/weightless"].message
    assert "empty" in problems["zoo/empty"].message


def test_a_tree_without_models_and_an_empty_folder_are_one_kind_of_problem(tmp_path):
    put(tmp_path / "zoo" / "notes" / "README.md", "# notes")
    (tmp_path / "zoo" / "nothing").mkdir()
    told = {}
    for name in ("notes", "nothing"):
        (problem,) = resolve_sources([str(tmp_path / "zoo" / name)]).problems
        assert (problem.repo_id, problem.error, problem.stage) == (
            f"zoo/{name}",
            "NoWeights",
            "source",
        )
        told[name] = problem.message.partition(": ")[2]
    assert told["notes"] == told["nothing"]
    assert told["notes"].startswith("no model found; known are files ending in .safetensors")


def test_a_hub_cache_tells_repository_and_commit(tmp_path):
    snapshot = tmp_path / "hub" / "models--org--name" / "snapshots" / "abc123"
    blob = put(tmp_path / "hub" / "models--org--name" / "blobs" / "f00d", "12345")
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(blob)
    put(snapshot.parent.parent / "refs" / "main", "abc123")
    for source in (tmp_path / "hub", snapshot, snapshot / "model.safetensors"):
        [ref] = resolve_sources([str(source)]).refs
        assert ref.repo_id.startswith("org/name")
        assert (ref.revision, ref.nbytes) == ("abc123", 5)


def test_the_parts_of_a_cached_pipeline_are_called_apart(tmp_path):
    snapshot = tmp_path / "models--org--name" / "snapshots" / "abc123"
    for part in ("unet", "vae"):
        put(snapshot / part / "config.json", "{}")
        put(snapshot / part / "diffusion_pytorch_model.safetensors")
    assert sorted(ids(tmp_path)) == ["org/name/unet", "org/name/vae"]


def test_models_of_one_name_have_as_much_of_their_paths_as_tells_them_apart(tmp_path):
    for run in ("exp0", "exp1", "exp2"):
        put(tmp_path / "runs" / run / "weights" / "best.pt")
    for owner in ("a", "b"):
        put(tmp_path / owner / "net" / "final" / "model.safetensors")
    put(tmp_path / "c" / "net.pt")
    put(tmp_path / "c" / "net.pth")
    assert sorted(ids(tmp_path)) == [
        "a/net/final", "b/net/final", "c/net.pt", "c/net.pth",
        "exp0/weights/best", "exp1/weights/best", "exp2/weights/best"]  # fmt: skip


def test_variants_and_parts_of_one_name_are_told_apart_too(tmp_path):
    for owner in ("a", "b"):
        put(tmp_path / owner / "x" / "net" / "model.safetensors")
        put(tmp_path / owner / "x" / "net" / "model.fp16.safetensors")
        put(tmp_path / owner / "x" / "pipe" / "model_index.json")
        put(tmp_path / owner / "x" / "pipe" / "unet" / "model.safetensors")
        put(tmp_path / owner / "x" / "pipe" / "README.md", PIPELINE_CARD)
    refs = resolve_sources([str(tmp_path)], variant="fp16").refs
    assert {ref.repo_id for ref in refs} == {
        "a/x/net:fp16", "a/x/pipe/unet", "b/x/net:fp16", "b/x/pipe/unet"}  # fmt: skip
    assert {a.repo_id for ref in refs for a in ref.accuracies} == {"a/x/pipe", "b/x/pipe"}


PIPELINE_CARD = """---
model-index: [{name: n, results: [{dataset: {type: d}, metrics: [{type: fid, value: 7}]}]}]
---
"""


def test_a_run_scanned_alone_is_called_as_among_others(tmp_path):
    file = put(tmp_path / "runs" / "exp0" / "weights" / "best.pt")
    assert ids(file) == ids(tmp_path / "runs") == ["exp0/weights/best"]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["n.onnx", "n.weights.h5"], ["w/n.onnx", "w/n.weights.h5"]),
        (["n.pt", "n.pth"], ["w/n.pt", "w/n.pth"]),
        (["n.pt", "n/model.safetensors"], ["w/n.pt", "w/n"]),
        (["n.pt", "n/notes.txt"], ["w/n"]),
        (["n.pt", "n.txt", "m.pt"], ["w/n", "w/m"]),
    ],
)
def test_a_file_has_one_name_whatever_is_scanned_with_it(tmp_path, files, names):
    made = [put(tmp_path / "w" / file) for file in files if not file.endswith(".txt")]
    for file in files:
        put(tmp_path / "w" / file)
    models = [path.parent if path.name == "model.safetensors" else path for path in made]
    assert [name for model in models for name in ids(model)] == names
    assert sorted(ids(*models)) == sorted(names)
    assert set(ids(tmp_path / "w")) <= set(names)  # of several formats a tree gives the first


def test_linked_folders_are_scanned_once_and_circles_end(tmp_path):
    put(tmp_path / "disk" / "net" / "model.safetensors")
    put(tmp_path / "zoo" / "own" / "model.safetensors")
    (tmp_path / "zoo" / "net").symlink_to(tmp_path / "disk" / "net")
    (tmp_path / "zoo" / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "zoo" / "circle").symlink_to(tmp_path / "zoo")
    found = resolve_sources([str(tmp_path / "zoo")])
    assert len(found.refs) == 2
    assert found.problems == ()


@pytest.mark.parametrize("file", ["net.ggml", "net.pb", "net.tflite", "net.npz"])
def test_a_folder_of_another_format_is_a_problem_that_names_it(tmp_path, file):
    put(tmp_path / "zoo" / "good" / "model.safetensors")
    put(tmp_path / "zoo" / "other" / file)
    put(tmp_path / "zoo" / "other" / "README.md")
    (problem,) = resolve_sources([str(tmp_path / "zoo")]).problems
    assert (problem.repo_id, file in problem.message) == ("zoo/other", True)


def test_a_folder_in_which_nothing_is_understood_is_a_problem(tmp_path):
    put(tmp_path / "zoo" / "notes" / "README.md")
    put(tmp_path / "zoo" / ".hidden" / "model.safetensors")
    resolved = resolve_sources([str(tmp_path / "zoo")])
    assert resolved.refs == ()
    assert ["no model found" in problem.message for problem in resolved.problems] == [True]


def test_a_model_named_twice_is_scanned_once(tmp_path):
    put(tmp_path / "a" / "one" / "model.safetensors")
    assert ids(tmp_path, tmp_path / "a" / "one", tmp_path) == ["a/one"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("packagd", "did you mean packaged?"),
        ("packaged:chgnt", "did you mean packaged:chgnet?"),
        ("tests/vgg11.tv_in1k@main", "write hf://tests/vgg11.tv_in1k@main"),
        (
            "/does/not/exist",
            "no file or directory '/does/not/exist': of its path / is there, and no",
        ),
        ("~nobody-at-all/x", "no file or directory '~nobody-at-all/x'"),
        ("./nothing", "no file or directory './nothing'"),
        ("mine.toml", "no file or directory 'mine.toml'"),
        ("nothing.safetensors", "no file or directory 'nothing.safetensors'"),
        ("x" * 5000, "no file, directory or catalogue"),
        ("\0", "no file, directory or catalogue"),
        ("", "an empty source"),
    ],
)
def test_a_source_that_is_nothing_says_what_was_meant(source, says):
    with pytest.raises(SourceError, match=r"^[^\n]*$") as caught:
        resolve_sources([source])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "config",
    ["", "{", "[]", "null", '"text"', '{"architecture": 3, "architectures": [{}], "model_type": 7}',
     "[" * 100_000, "\udcff".encode(errors="surrogateescape").decode("latin1")],
)  # fmt: skip
def test_a_malformed_configuration_costs_only_its_metadata(tmp_path, config):
    put(tmp_path / "m" / "model.safetensors")
    put(tmp_path / "m" / "config.json", config)
    [ref] = resolve_sources([str(tmp_path)]).refs
    assert (ref.architecture, ref.library, ref.series) == (None, None, None)


@pytest.mark.parametrize("config", ["", "{", "[1]", "null"])
def test_a_configuration_that_says_nothing_is_told_of(tmp_path, config):
    put(tmp_path / "m" / "model.safetensors")
    put(tmp_path / "m" / "config.json", config)
    (ref,) = local_models(tmp_path / "m").refs
    assert ref.remarks == ("config.json is no JSON object, and is passed over",)


def test_a_transformers_configuration_names_class_and_family(tmp_path):
    put(tmp_path / "m" / "model.safetensors")
    put(tmp_path / "m" / "config.json", json.dumps({"architectures": ["GPT2LMHeadModel"],
                                                    "model_type": "gpt2"}))  # fmt: skip
    [ref] = resolve_sources([str(tmp_path)]).refs
    assert ref.architecture == "transformers:GPT2LMHeadModel"
    assert (ref.library, ref.series) == ("transformers", "gpt2")


@pytest.mark.parametrize(
    ("config", "base"),
    [('{"base_model_name_or_path": "lab/base"}', "lab/base"), ("[", None), ("[1]", None),
     ('{"base_model_name_or_path": ["lab/base"]}', None)],
)  # fmt: skip
def test_an_adapter_names_its_base_where_no_card_does(tmp_path, config, base):
    put(tmp_path / "m" / "adapter_model.safetensors")
    put(tmp_path / "m" / "adapter_config.json", config)
    (ref,) = local_models(tmp_path / "m").refs
    assert ref.base_model == base
    put(tmp_path / "m" / "README.md", "---\nbase_model: lab/other\n---\n")
    (ref,) = local_models(tmp_path / "m").refs
    assert ref.base_model == "lab/other"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_directory_that_cannot_be_listed_is_a_problem(tmp_path):
    put(tmp_path / "zoo" / "good" / "model.safetensors")
    locked = tmp_path / "zoo" / "locked"
    locked.mkdir(mode=0)
    resolved = resolve_sources([str(tmp_path)])
    locked.chmod(0o700)
    assert [ref.repo_id for ref in resolved.refs] == ["zoo/good"]
    assert [problem.repo_id for problem in resolved.problems] == ["zoo/locked"]


def test_thousands_of_directories_take_a_millisecond_each(tmp_path):
    for i in range(1000):
        put(tmp_path / f"m{i}" / "model.safetensors")
        put(tmp_path / f"m{i}" / "config.json", '{"architecture": "vgg11"}')
    start = time.process_time()
    resolved = resolve_sources([str(tmp_path)])
    assert len(resolved.refs) == 1000
    assert time.process_time() - start < 2.0  # twice what is promised, for slow machines


def test_quantisations_side_by_side_are_models_of_their_own(tmp_path):
    names = ["net.Q4_K_M.gguf", "net.Q8_0.gguf", "README.md"]
    for name in names:
        put(tmp_path / "me" / "net" / name)
    refs = local_models(tmp_path).refs
    assert [ref.repo_id for ref in refs] == ["net/net.Q4_K_M", "net/net.Q8_0"]


def test_of_several_quantisations_of_a_model_in_hub_layout_one_is_to_be_named(tmp_path):
    for name in ("config.json", "net.Q4_K_M.gguf", "net.Q8_0.gguf"):
        put(tmp_path / "net" / name)
    (problem,) = local_models(tmp_path).problems
    assert "several weight files (net.Q4_K_M.gguf, net.Q8_0.gguf); name one" in problem.message


def test_shards_beside_another_model_are_one(tmp_path):
    shards = [f"net-0000{i}-of-00002.gguf" for i in (1, 2)]
    for name in (*shards, "other.gguf"):
        put(tmp_path / "zoo" / name)
    refs = local_models(tmp_path / "zoo").refs
    assert [ref.repo_id for ref in refs] == ["zoo/net", "zoo/other"]
    assert refs[0].nbytes == sum((tmp_path / "zoo" / name).stat().st_size for name in shards)
    (tmp_path / "zoo" / shards[0]).unlink()
    found = local_models(tmp_path / "zoo")
    assert [ref.repo_id for ref in found.refs] == ["zoo/other"]
    (problem,) = found.problems
    assert f"the shard {shards[0]} is missing" in problem.message
