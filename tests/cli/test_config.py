"""Settings are said once: by a file, or by the environment; a stranger's file says little."""

import json
import os
from pathlib import Path

import pytest

from tests.support.command import Answer, zoo

#: A value that each setting can have, other than its default.
VALUES = {
    "address": "ray://head:10001",
    "cache_size": "2GB",
    "catalogues": "/c",
    "device": "cpu",
    "downloads": "3",
    "format": "csv",
    "method": "nature2021",
    "model_memory": "3GB",
    "model_seconds": "1000.0",
    "query_memory": "1GB",
    "query_seconds": "20.0",
    "store": "/s",
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own settings file, in a home where nothing else is set; `here` is beside it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for variable in [name for name in os.environ if name.startswith(("ZOO_", "RAY_ADDRESS"))]:
        monkeypatch.delenv(variable)
    (tmp_path / "config" / "zoo").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "config" / "zoo" / "zoo.toml"


def told() -> dict[str, tuple[str, str]]:
    run = zoo("config", "--json")
    assert run.code == 0, run.err
    return {row["name"]: (row["value"], row["source"]) for row in json.loads(run.out)}


def say(file: Path, **settings: str) -> None:
    file.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))


def refused(run: Answer) -> str:
    assert (run.code, run.out) == (2, "")
    assert len(run.err.splitlines()) == 1
    return run.err


def test_every_setting_can_be_said_by_a_file_and_by_the_environment(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = told()
    assert set(default) == set(VALUES)
    assert {source for _, source in default.values()} == {"default"}
    say(own, **VALUES)
    assert told() == {name: (value, str(own)) for name, value in VALUES.items()}
    own.unlink()
    for name, value in VALUES.items():
        monkeypatch.setenv(f"ZOO_{name.upper()}", value)
    # `zoo` forgets ZOO_STORE, as most tests want it
    for name, found in told().items():
        if name != "store":
            assert found == (VALUES[name], f"$ZOO_{name.upper()}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "gpu"),
        ("method", "weightwacher"),
        ("downloads", "0"),
        ("query_memory", "lots"),
        ("model_seconds", "soon"),
        ("format", "xml"),
        ("catalogues", " "),
    ],
)
def test_the_environment_is_checked_as_files_are(
    own: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    say(own, **{name: value})
    assert f"{own}: {name}" in refused(zoo("config"))
    own.unlink()
    monkeypatch.setenv(f"ZOO_{name.upper()}", value)
    assert f"$ZOO_{name.upper()}" in refused(zoo("config"))


def test_a_folder_in_the_place_of_the_file_is_said_to_be_one(own: Path) -> None:
    own.mkdir()
    assert f"{own}: cannot be read (it is a folder)" in refused(zoo("config"))


def test_the_command_line_goes_before_the_environment_that_before_the_directory_and_the_user(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("query", "SELECT 1 AS one", "--store")
    (Path("zoo.toml")).write_text("format = 'markdown'\n")
    say(own, format="csv")
    assert told()["format"] == ("markdown", "zoo.toml")
    assert zoo("catalog", "list").out.startswith("| name |")
    monkeypatch.setenv("ZOO_FORMAT", "json")
    assert zoo("catalog", "list").out.startswith("[")
    assert zoo("catalog", "list", "-f", "csv").out.startswith("name,")
    assert zoo(*ask, "nowhere").code == 2


def test_a_store_and_catalogues_are_beside_the_file_that_names_them(own: Path) -> None:
    folder = Path.cwd() / "mine"
    folder.mkdir()
    (folder / "nets.toml").write_text('[[models]]\nrepo_id = "me/net"\n')
    say(Path("zoo.toml"), store="a-store", catalogues="mine")
    assert told()["store"] == (str(Path.cwd() / "a-store"), "zoo.toml")
    assert "nets" in zoo("catalog", "list").out
    assert str(Path.cwd() / "a-store") in refused(zoo("query", "SELECT 1"))
    assert "ZOO_CATALOGUES" not in os.environ, "the process is left as it was"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, VALUES[name]) for name in VALUES if name.endswith(("_size", "_memory"))),
        *((name, VALUES[name]) for name in VALUES if name.endswith("_seconds")),
        ("address", "ray://stranger:10001"),
        ("store", "s3://stranger/store"),
        ("store", "file:///etc"),
    ],
)
def test_a_file_of_a_working_directory_gives_no_work_away_and_moves_no_bound(
    own: Path, name: str, value: str
) -> None:
    say(Path("zoo.toml"), **{name: value})
    message = refused(zoo("queries"))
    assert f"{name} '{value}' is not taken from a working directory" in message
    assert str(own) in message
    Path("zoo.toml").rename(own)
    assert told()[name] == (value, str(own))


@pytest.mark.parametrize("name", ["endpoint", "hf_endpoint", "token", "hf_token"])
def test_endpoint_and_token_are_no_settings(own: Path, name: str) -> None:
    for file in (Path("zoo.toml"), own):
        say(file, **{name: "https://stranger.example"})
        assert f"unknown setting '{name}'" in refused(zoo("queries"))
        file.unlink()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stor = 'x'", "zoo.toml: unknown setting 'stor'; did you mean store?"),
        ("method = 'weightwacher'", "method is 'weightwacher': 'weightwacher' is not one of"),
        ("downloads = 'many'", "downloads is 'many'"),
        ("downloads = 0", "downloads is '0'"),
        ("store = ['a']", "it must be a text or a number"),
        ("store = 3", "store is 3; it must be a text"),
        ("address = 1.5", "address is 1.5; it must be a text"),
        ("store = ''", "store is ''; leave it out, or give it a value"),
        ('store = "a\\u0000b"', r"store is 'a\x00b'; leave it out"),
        ("cache_size = 'big'", "cache_size: 'big' is no size"),
        ("store = ", "not valid TOML"),
        ("'a\\u001b[2J' = 1", r"unknown setting"),
    ],
)
@pytest.mark.usefixtures("own")
def test_a_mistake_is_named_with_its_file(text: str, message: str) -> None:
    Path("zoo.toml").write_text(text.replace("'a\\u001b", '"a\\u001b').replace("2J'", '2J"'))
    told = refused(zoo("queries"))
    assert message in told
    assert "\x1b" not in told


@pytest.mark.usefixtures("own")
def test_what_is_no_regular_file_is_not_waited_for() -> None:
    os.mkfifo("zoo.toml")
    assert "FIFO" in refused(zoo("queries"))


@pytest.mark.usefixtures("own")
def test_help_and_version_are_told_whatever_a_file_says() -> None:
    Path("zoo.toml").write_text("nonsense")
    assert zoo("--help").code == 0
    assert zoo("--version").code == 0


@pytest.mark.usefixtures("own")
def test_a_variable_that_was_misspelt_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DEVISE", "cpu")
    assert "$ZOO_DEVISE is no setting; did you mean ZOO_DEVICE?" in zoo("config").out
