"""Catalogues say what they mean or are refused with the place of the mistake."""

import re
import textwrap
from pathlib import Path

import pytest

from zoo_analysis.errors import SourceError
from zoo_analysis.folders import data_dir
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import resolve_sources
from zoo_analysis.sources.catalogues.format import catalogue_names, load_catalogue

GOOD = """
title = "mine"
series = "nets"

[[models]]
repo_id = "o/a"
file = "a.safetensors"

[[models.accuracies]]
dataset = "d"
metric = "accuracy"
value = 75
source = "paper"

[[models]]
repo_id = "o/b"
revision = "v2"
file = "b.safetensors"
series = "others"
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "mine.toml"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_catalogue_lends_series_revision_and_accuracies(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_text(name)
    a, b = resolve_sources([str(write(tmp_path, GOOD))]).refs
    assert (a.repo_id, a.series, a.revision) == ("o/a", "nets", None)
    assert (b.repo_id, b.series, b.revision) == ("o/b", "others", "v2")
    [accuracy] = a.accuracies
    assert (accuracy.repo_id, accuracy.value, accuracy.source) == ("o/a", 75.0, "paper")


def test_members_that_are_missing_are_problems_and_the_rest_is_scanned(tmp_path):
    (tmp_path / "a.safetensors").write_text("a")
    text = GOOD + '\n[[models]]\nrepo_id = "timm/vgg11"\nrevision = "abc"\n'
    access = HubAccess("http://127.0.0.1:9", first_wait=0.01)
    resolved = resolve_sources([str(write(tmp_path, text))], access)
    assert [ref.repo_id for ref in resolved.refs] == ["o/a"]
    missing, on_hub = resolved.problems
    assert (missing.repo_id, on_hub.repo_id) == ("o/b", "timm/vgg11")
    assert "does not exist" in missing.message
    assert "cannot reach http://127.0.0.1:9" in on_hub.message


def reported(metric: str, value: float) -> str:
    keys = f'dataset = "d"\nmetric = "{metric}"\nsource = "s"\nvalue = {value}'
    return f"[[models.accuracies]]\n{keys}\n"


def test_a_loss_of_a_catalogue_may_be_below_one(tmp_path):
    load_catalogue(write(tmp_path, MODEL + reported("eval_loss", 0.75)))


MODEL = '[[models]]\nrepo_id = "o/a"\nfile = "a.pt"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('title = "x"\ntitel = "y"\n' + MODEL, "unknown key `titel`; did you mean `title`?"),
        (MODEL + 'revison = "1"', "model 1 (o/a): unknown key `revison`; did you mean `revision`?"),
        (MODEL + "zzz = 1", "unknown key `zzz`; known are repo_id"),
        ('[[models]]\nfile = "a.pt"', "`repo_id` is missing"),
        ('[[models]]\nrepo_id = 3\nfile = "a"', "`repo_id` is 3; it must be a text"),
        ('[[models]]\nrepo_id = ""', "`repo_id` is ''"),
        (MODEL + 'demo = "yes"', "`demo` is 'yes'; it must be true or false"),
        (MODEL + 'package = "p"\nfile2 = 1', "unknown key `file2`; did you mean `file`?"),
        ('[[models]]\nrepo_id = "o/a"\npackage = "p"', "`package` without `file`"),
        ('models = "o/a"', "[[models]]"),
        ('title = "x"', "no [[models]]"),
        (MODEL + "[models.accuracies]\nvalue = 1", "[[accuracies]]"),
        (MODEL + '[[models.accuracies]]\ndataset = "d"', "accuracy 1: `metric` is missing"),
        (
            MODEL + '[[models.accuracies]]\ndataset = "d"\nmetric = "m"\nsource = "s"\nvalue = "7"',
            "`value` is '7'; it must be a number",
        ),
        (MODEL + reported("accuracy", 7613), "accuracy of o/a: 7613 is not within 0 and 100"),
        (MODEL + reported("accuracy", 0.75), "accuracy: no value is above 1 (o/a on d: 0.75)"),
        ("title = ", "not valid TOML"),
        ('title = "x"\n[[models]\n', "line 2"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(SourceError, match=f"^{re.escape(str(path))}: [^\n]*$") as caught:
        resolve_sources([str(path)])
    assert says in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="not valid TOML"):
        load_catalogue(path)


def requirements(name: str) -> set[str]:
    lines = (data_dir("catalog") / name).read_text().splitlines()
    found = set()
    for line in lines:
        if line.startswith("-r "):
            found |= requirements(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            package, version = line.split("==")
            assert version, f"{package} must be pinned"
            found.add(package.lower())
    return found


def test_the_requirement_lists_and_the_catalogue_agree():
    models = load_catalogue(data_dir("catalog") / "packaged.toml").models
    packages = {entry.package.lower() for entry in models}
    assert requirements("packaged-all.txt") == packages
    assert requirements("packaged-demo.txt") == {e.package.lower() for e in models if e.demo}


def test_every_catalogue_that_comes_along_is_valid_and_cites_its_numbers():
    assert "packaged" in catalogue_names()
    for name in catalogue_names():
        for entry in load_catalogue(data_dir("catalog") / f"{name}.toml").models:
            for accuracy in entry.accuracies:
                assert accuracy.source_url, f"{entry.repo_id}: {accuracy} cites nothing"
                assert 1 < accuracy.value <= 100
