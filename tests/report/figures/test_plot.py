"""`zoo plot`: a figure from the command line, in the file that it names."""

from pathlib import Path

from tests.support.command import zoo
from zoo_analysis.store import Store


def test_a_figure_is_written_where_it_is_told_or_under_a_name_that_is_printed(
    store: Store, tmp_path: Path
) -> None:
    told = zoo("plot", "esd", "net-0", "first", "--store", store.uri, cwd=tmp_path)
    assert (told.code, told.out) == (0, "esd-net-0-first.png\n"), told.err
    assert (tmp_path / "esd-net-0-first.png").read_bytes().startswith(b"\x89PNG")
    file = tmp_path / "depth.svg"
    told = zoo("plot", "depth", "net-0", "net-1", "-o", file, "--store", store.uri, cwd=tmp_path)
    assert (told.code, told.out) == (0, ""), told.err
    assert file.read_text().startswith("<svg")


def test_an_error_is_a_line(store: Store, tmp_path: Path) -> None:
    told = zoo("plot", "xmin", "net-0", "fist", "--store", store.uri, cwd=tmp_path)
    assert told.code == 2
    assert "did you mean first" in told.err
    assert told.err.count("\n") == 1
