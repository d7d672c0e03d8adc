"""Every public name says what it is, in a sentence that stands alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Beginnings that only make sense after the name.
UNFINISHED = re.compile(r"(What|Where|Which|Whether|Of)\b")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: Documented, name: str) -> Iterator[tuple[str, str | None]]:
    """The names without underscore of a module or class, itself first, with their docstrings."""
    yield name, ast.get_docstring(node)
    if isinstance(node, ast.Module | ast.ClassDef):
        for each in node.body:
            if isinstance(each, Documented) and not each.name.startswith("_"):
                yield from public(each, f"{name}.{each.name}")


def public_names() -> Iterator[tuple[str, str | None]]:
    for file in sorted((ROOT / "zoo_analysis").rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield from public(ast.parse(file.read_text(encoding="utf-8")), name)


def test_every_public_name_has_a_docstring() -> None:
    assert [name for name, text in public_names() if not text] == []


def test_every_docstring_begins_with_what_the_thing_is() -> None:
    unfinished = [
        f"{name}: {text.splitlines()[0]}"
        for name, text in public_names()
        if text and UNFINISHED.match(text)
    ]
    assert unfinished == []
