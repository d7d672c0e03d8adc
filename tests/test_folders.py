"""The user's folders are those of the platform, where earlier versions kept things too."""

from pathlib import Path

import pytest
import typer

from zoo_analysis.folders import user_cache, user_settings


@pytest.mark.parametrize("base", [None, "", "/var/tmp/mine"])
def test_on_linux_folders_are_those_of_the_xdg_specification(
    base: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
        if base is not None:
            monkeypatch.setenv(name, base)
    assert user_cache() == Path(base or Path.home() / ".cache") / "zoo-analysis"
    assert user_settings() == Path(base or Path.home() / ".config") / "zoo"


def test_catalogues_are_found_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert user_settings() == Path(typer.get_app_dir("zoo"))
