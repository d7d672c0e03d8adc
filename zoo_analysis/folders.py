"""Where files are: package data, inside the wheel or beside the package; and what is kept."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """The folder of package data called `name` (``"catalog"`` or ``"queries"``)."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def user_cache() -> Path:
    """Where things are kept between runs: ``zoo-analysis`` in the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zoo-analysis"
