"""Folders: package data, inside the wheel or beside the package; the user's cache and settings."""

from pathlib import Path

from platformdirs import user_cache_path, user_config_path

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """The folder of package data called `name` (``"catalog"`` or ``"queries"``)."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def user_cache() -> Path:
    """The folder of what is kept between runs: ``zoo-analysis`` in the user's cache directory."""
    return user_cache_path("zoo-analysis", appauthor=False)


def user_settings() -> Path:
    """The folder of what the user has set: ``zoo`` among the settings of programs."""
    return user_config_path("zoo", appauthor=False, roaming=True)
