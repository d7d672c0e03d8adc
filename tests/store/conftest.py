"""Fixtures of the store's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import small_models
from zoo_analysis.store import ModelRows, Store, open_store


@pytest.fixture
def model_rows() -> Callable[..., ModelRows]:
    return small_models.model_rows


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")
