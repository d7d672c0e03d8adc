"""What holds for all tests."""

import gc


def pytest_unconfigure() -> None:
    # Hypothesis leaves a callback there that keeps DuckDB's types alive to the very end, at which
    # DuckDB prints forty lines about them.
    gc.callbacks.clear()
