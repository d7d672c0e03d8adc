"""The pages are readable as text: prose is wrapped."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")})


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Lines that can be wrapped: no table, no code, no link that is longer by itself."""
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "    ")):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_of_prose_is_longer_than_120_characters(page: Path) -> None:
    assert not [(n, line) for n, line in prose(page) if len(line) > 120]


def test_no_example_of_the_readme_is_wider_than_a_page() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) > 120]


def test_the_first_release_has_nothing_before_it_to_be_compared_with() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if text.count("\n## ") == 1:
        before = r"no longer|older versions|measured again|new ids?\b|used to"
        assert not re.findall(rf".*(?:{before}).*", text)


def test_the_query_of_methods_has_the_columns_of_the_table_above_it() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    table, query = text.partition("| EfficientNet-Lite0 | ")[0], text.partition("AS fitted")[2]
    heads = [cell.strip() for cell in table.splitlines()[-2].strip("|").split("|")][1:]
    asked = ["fitted", *re.findall(r"AS (\w+)", query.partition("GROUP BY")[0])]
    assert len(heads) == len(asked)
    assert all(name in head for name, head in zip(asked, heads, strict=True)), (heads, asked)
