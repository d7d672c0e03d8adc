"""One odd text or number costs itself: the others are scanned, and a terminal is not steered."""

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.attacks.limits import within
from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.cli.telling.summaries import print_scan
from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.worker import failure
from zoo_analysis.errors import ZooError
from zoo_analysis.measure.analyze import analyze
from zoo_analysis.sources import Accuracy, ModelRef
from zoo_analysis.sources.local import local_models
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.records import table_of
from zoo_analysis.weights.layers.inventory import LeftOut

#: Clears the screen, sets the title, is markup of rich, ends a line, turns the line around.
NASTY = "a\x1b[2J\x1b]0;owned\x07[/bold][red]\nfailed: fake\r\u202eevil\u200b\x9b31m"
MATRIX = np.random.default_rng(0).normal(size=(64, 32)).astype("float32")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with within(60):
        yield


def model(folder: Path, card: str = "", name: str = "weight") -> Path:
    folder.mkdir(parents=True)
    save_file({name: MATRIX}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text(card, errors="surrogatepass")
    return folder


CARDS = {
    "surrogate": '---\nlicense: "\\ud800"\n---\n',
    "data set": '---\nmodel-index: [{name: n, results: [{dataset: {type: "d\\udfff"}, '
    'metrics: [{type: "acc\\ud800", value: 70}]}]}]\n---\n',
    "nul": '---\nlicense: "mit\\0"\nlibrary_name: "\\e[2J"\n---\n',
    "long": f"---\nlicense: {'x' * 1_000_000}\n---\n",
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_what_a_card_says_can_be_stored(tmp_path: Path, store: Store, card: str) -> None:
    (ref,) = local_models(model(tmp_path / "lab" / "net", card)).refs
    with RunWriter(store, Summary(store.uri, "default"), None, {}) as writer:
        writer.add_model(described(ref))
        writer.report(ref)
    assert writer.summary.scanned == 1
    (license,) = store.run("SELECT license FROM raw.models")[0].to_pylist()
    assert license is None or len(license) <= 1000


def described(ref: ModelRef) -> ModelRows:
    rows = model_rows(ref.repo_id, "r1")
    said = {name: getattr(ref, name) for name in ("license", "library", "series")}
    return ModelRows({**rows.model, **said}, rows.method, rows.layers, rows.esds)


def test_directories_that_are_no_unicode_are_models_of_different_names(tmp_path: Path) -> None:
    for name in (b"\xff\xfe", b"\xfe\xff"):
        model(tmp_path / os.fsdecode(name))
    refs = local_models(tmp_path).refs
    names = {ref.repo_id for ref in refs}
    assert len(names) == 2
    for ref in refs:
        ref.repo_id.encode()
        assert len(analyze(ref.path)) == 1


def test_a_layer_is_called_by_a_clean_name_and_read_by_its_own(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    names = ["a\x1b[2J.weight", "b\n.weight", "c\0.weight", "c.weight"]
    save_file(dict.fromkeys(names, MATRIX), file)
    layers = analyze(file)
    assert sorted(layers["layer"].to_pylist()) == [
        r"a\x1b[2J", r"b\n", "c", r"c\x00",
    ]  # fmt: skip
    assert set(layers["status"].to_pylist()) == {"success"}


BAD = {
    "downloads": {"downloads": 10**30},
    "surrogate": {"license": "\ud800"},
    "type": {"likes": "many"},
}


@pytest.mark.parametrize("said", BAD.values(), ids=BAD)
def test_a_model_that_cannot_be_written_is_a_failure_and_the_others_are_written(
    store: Store, said: dict[str, object]
) -> None:
    with RunWriter(store, Summary(store.uri, "default"), None, {}) as writer:
        for name in ("lab/a", "lab/bad", "lab/b"):
            rows = model_rows(name)
            extra = said if name == "lab/bad" else {}
            writer.add_model(
                ModelRows({**rows.model, **extra}, rows.method, rows.layers, rows.esds)
            )
    assert {repo_id for repo_id, *_ in store.committed()} == {"lab/a", "lab/b"}
    assert (writer.summary.scanned, writer.summary.failed) == (2, 1)
    failed = store.run("SELECT repo_id, stage, message FROM failures").to_pylist()
    assert [(row["repo_id"], row["stage"]) for row in failed] == [("lab/bad", "commit")]
    assert failed[0]["message"].startswith("its rows cannot be written: ")
    assert store.run("SELECT count(*) AS n FROM models")["n"].to_pylist() == [2]


def test_a_lone_bad_model_does_not_end_the_run(store: Store) -> None:
    with RunWriter(store, Summary(store.uri, "default"), None, {}) as writer:
        rows = model_rows("lab/bad")
        writer.add_model(
            ModelRows({**rows.model, "downloads": 10**30}, rows.method, rows.layers, rows.esds)
        )
    assert (writer.summary.scanned, writer.summary.failed) == (0, 1)


@pytest.fixture
def nasty(store: Store) -> Store:
    """A store in which every text is nasty that a stranger can choose."""
    ref = ModelRef(f"lab/{NASTY}", "r1", "", "local", 1)
    rows = model_rows(ref.repo_id)
    names = [f"{NASTY}.{i}" for i in range(len(rows.layers))]
    layers = rows.layers.drop_columns(["layer"])
    layers = layers.append_column("layer", [names])
    layers = layers.append_column("warning", [["[/bold] \x1b[2J"] * len(layers)])
    esds = rows.esds.drop_columns(["layer"]).append_column("layer", [names[: len(rows.esds)]])
    left = LeftOut(NASTY, 1, 4, "not-understood")
    made = ModelRows(
        {**rows.model, "license": NASTY, "series": NASTY, "coverage": 0.5},
        rows.method, layers, esds, left_out=table_of(LeftOut, [left]),
    )  # fmt: skip
    store.commit_models([made], "scan")
    accuracy = Accuracy(repo_id=ref.repo_id, dataset=NASTY, metric=NASTY, value=1.0, source=NASTY)
    store.append("accuracies", table_of(Accuracy, [accuracy]))
    return store


def tame(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    "line",
    [
        ("show", "lab"),
        ("compare", "lab", "lab"),
        ("diagnose", "lab"),
        ("accuracies", "show"),
        ("query", "FROM layers"),
        ("query", "FROM models", "--format", "markdown"),
        ("show", "nothing"),
        ("query", "SELECT * FROM nothing\x1b[2J"),
    ],
    ids=" ".join,
)
def test_no_command_passes_on_what_steers_a_terminal(nasty: Store, line: tuple[str, ...]) -> None:
    done = zoo(*line, "--store", nasty.uri)
    assert tame(done.out)
    assert tame(done.err)
    assert "\nfailed: fake" not in done.out + done.err
    assert done.code in (0, 2)
    assert (done.code == 2) == (line[-1] in ("nothing", "SELECT * FROM nothing\x1b[2J"))


def test_failed_lines_are_tame(tmp_path: Path) -> None:
    folder = tmp_path / "\x1b[2J\nfailed: fake"
    summary = Summary("store", "default")
    ref = ModelRef(f"lab/{NASTY}", None, str(folder), "local", 0)
    summary.failures = [failure(ref, "open", ZooError(f"{folder}: {NASTY}\ud800"))]
    summary.incomplete = [NASTY]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_scan(summary)
    assert tame(out.getvalue())
    assert out.getvalue().count("\n") == 4


@pytest.mark.parametrize("form", ["csv", "json", "markdown", "table"])
def test_a_terminal_gets_tables_cleaned(nasty: Store, form: str) -> None:
    seen = on_terminal("query", "SELECT license FROM models", "-f", form, "--store", nasty.uri)
    assert "owned" in seen
    assert tame(seen.replace("\r\n", "\n"))


def on_terminal(*arguments: str) -> str:
    """Standard output of `zoo` on a terminal."""
    ours, theirs = pty.openpty()
    line = "import sys; from zoo_analysis.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", line, *arguments],
        stdout=theirs,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path), "TERM": "dumb"},
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the other end is closed
        pass
    assert process.wait(30) == 0
    return seen.decode()


def test_files_keep_texts_as_they_are(nasty: Store, tmp_path: Path) -> None:
    file = tmp_path / "out"
    kept = nasty.run("SELECT license FROM models")["license"].to_pylist()
    zoo("query", "SELECT license FROM models", "-f", "json", "-o", file, "--store", nasty.uri)
    assert [row["license"] for row in json.loads(file.read_text())] == kept
