"""Sphinx's settings: `make docs` writes docs/_build/html; a warning is an error."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from types import ModuleType
from typing import Any

import zoo_analysis

project = "zoo-analysis"
copyright = "zoo-analysis developers"
version = release = installed("zoo-analysis")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "zoo-analysis"

default_role = "py:obj"  # single backticks: a link where there is such an object, else code
add_module_names = False
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 90
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature has them
napoleon_use_rtype = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebooks

#: Absolute values and products, which reStructuredText would take for markup; code is left alone.
_MATHEMATICS = re.compile(
    r"(``.+?``|`[^`]+`|^ *(?:>>>|\.\.\.) .*?$)|([|*])", re.DOTALL | re.MULTILINE
)
#: ``npt.NDArray[np.float64]``, as it is spelled out.
_ARRAY = re.compile(r"~?numpy\.ndarray\[tuple\[[^]]*\], ~?numpy\.dtype\[([^]]+)\]\]")


def setup(app: Any) -> None:
    """Called by Sphinx before anything is read."""
    app.connect("autodoc-process-signature", _shorten)
    app.connect("autodoc-process-docstring", _escape, priority=100)  # before napoleon
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = dict(_pages())
    for stale in {page.stem for page in folder.glob("*.rst")} - pages.keys():
        (folder / f"{stale}.rst").unlink()
    for title, text in pages.items():
        page = folder / f"{title}.rst"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def _pages() -> Iterator[tuple[str, str]]:
    """The pages of the API reference: the verbs, and one a wing below the command line."""
    yield "zoo_analysis", _page("zoo_analysis", "zoo_analysis")
    for wing in pkgutil.iter_modules(zoo_analysis.__path__):
        if wing.ispkg and wing.name != "cli":
            yield wing.name, _page(wing.name, f"zoo_analysis.{wing.name}")


def _page(title: str, name: str) -> str:
    """What a package exports, or else what its modules define."""
    package = importlib.import_module(name)
    text = f"{title}\n{'=' * len(title)}\n\n.. automodule:: {name}\n"
    if hasattr(package, "__all__"):
        text += "   :no-members:\n"
        return text + "".join(f"\n.. auto{_kind(package, each)}\n" for each in package.__all__)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        short = module.name.removeprefix(f"{name}.")
        text += f"\n{short}\n{'-' * len(short)}\n\n.. automodule:: {module.name}\n"
    return text


def _kind(package: ModuleType, name: str) -> str:
    found = getattr(package, name)
    directive = f"{{}}:: {package.__name__}.{name}"
    if isinstance(found, type):
        return directive.format("class")
    if inspect.isroutine(inspect.unwrap(found)):
        return directive.format("function")
    return directive.format("data") + ("\n   :no-value:" if len(repr(found)) > 200 else "")


def _shorten(*event: Any) -> tuple[str, str] | None:
    """A signature in which numpy's arrays have their short name."""
    *_, signature, returned = event
    return tuple(
        _ARRAY.sub(r"NDArray[\1]", part) if part else part for part in (signature, returned)
    )


def _escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings as they are meant, before napoleon reads them."""
    if what == "data" and lines[:1] == (type(obj).__doc__ or "").splitlines()[:1]:
        lines.clear()  # its type's docstring, not its own
    text = _MATHEMATICS.sub(lambda m: m[1] or f"\\{m[2]}", "\n".join(lines))
    # Napoleon takes what stands before the first colon of such a text for a type: give it none.
    text = re.sub(r"^(Returns|Yields):\n +", r"\g<0>: ", text, flags=re.MULTILINE)
    if what in ("attribute", "data", "property") and text:
        text = f": {text}"
    lines[:] = text.split("\n")


# DuckDB's $parameters are no SQL that Pygments knows.
suppress_warnings = ["misc.highlighting_failure"]
