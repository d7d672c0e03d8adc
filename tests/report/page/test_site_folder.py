"""A report that broke off can be made again, and leaves nothing behind that nobody knows."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from zoo_analysis.errors import ZooError
from zoo_analysis.report.page.site_folder import MANIFEST, SiteFolder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def half_made(folder: Path) -> None:
    with suppress(KeyboardInterrupt), SiteFolder(folder) as site:
        site.write("index.html", "one")
        site.write("models/a-1.html", "a", key="k")
        raise KeyboardInterrupt


def test_a_first_report_that_is_interrupted_can_be_made_again(tmp_path: Path) -> None:
    half_made(tmp_path)
    with SiteFolder(tmp_path) as site:
        assert site.keep(["models/a-1.html"], "k")
        site.write("index.html", "one")
        site.write("models/b-2.html", "b")
    assert (site.written, site.unchanged, site.removed) == (2, 2, 0)
    assert files(tmp_path) == {"index.html", "models/a-1.html", "models/b-2.html", MANIFEST}


def test_what_an_interrupted_report_left_is_removed_by_one_of_other_models(tmp_path: Path) -> None:
    with SiteFolder(tmp_path) as site:
        site.write("models/old-0.html", "old")
    half_made(tmp_path)
    with SiteFolder(tmp_path) as site:
        site.write("index.html", "two")
    assert site.removed == 2
    assert files(tmp_path) == {"index.html", MANIFEST}


def test_a_process_that_is_killed_leaves_a_report_that_can_be_made_again(tmp_path: Path) -> None:
    killed = SiteFolder(tmp_path)
    killed.write("models/a-1.html", "a")
    killed.note()
    killed.write("models/b-2.html", "b")
    with SiteFolder(tmp_path) as site:
        site.write("index.html", "one")
    assert site.removed == 1
    assert (tmp_path / "models" / "b-2.html").exists(), "written after the last note: nobody's"


def test_the_list_names_every_file_and_a_write_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SiteFolder(tmp_path) as site:
        site.write("index.html", "one")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt), SiteFolder(tmp_path) as site:
        monkeypatch.setattr(os, "replace", interrupted)
        site.write("index.html", "two")
    monkeypatch.undo()
    assert (tmp_path / "index.html").read_text() == "one"
    assert files(tmp_path) == {"index.html", MANIFEST}
    assert {*json.loads((tmp_path / MANIFEST).read_text())["files"]} == {"index.html"}


def test_a_folder_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match=r"cannot write .*file/report: Not a directory"):
        SiteFolder(tmp_path / "file" / "report")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up its rights to be refused")
def test_a_folder_of_another_user_is_a_line(tmp_path: Path) -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(ZooError, match=r"cannot write .*: Permission denied"):
            SiteFolder(tmp_path / "report")
    finally:
        os.seteuid(0)
