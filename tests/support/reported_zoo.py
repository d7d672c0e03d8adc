"""A zoo in which α tells the accuracy and size does not, or the other way round."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.support.small_models import model_rows
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import RELEASES

#: Series, and models of each but the first, which has more.
SERIES, MODELS, OF_THE_FIRST = 12, 5, 14


def report(store: Store, values: dict[str, float], dataset: str = "d") -> None:
    """Accuracies that somebody reports now."""
    told = [
        {
            "repo_id": name,
            "dataset": dataset,
            "metric": "accuracy",
            "source": "card",
            "value": value,
        }
        for name, value in values.items()
    ]
    store.append("accuracies", pa.Table.from_pylist(told))


def made(path: Path, by_alpha: float = 5.0, by_size: float = 0.0, noise: float = 1.0) -> Store:
    """Models of which the first of each series has no report; accuracy 70 in the middle."""
    rng = np.random.default_rng(7)
    store = open_store(path)
    rows: list[ModelRows] = []
    reported: dict[str, float] = {}
    for series in range(SERIES):
        level = rng.normal(0, noise)
        for i in range(MODELS if series else OF_THE_FIRST):
            alpha, size = rng.uniform(2, 6), rng.uniform(6, 8.5)
            name = f"lab/net-{series}-{i}"
            about = {"series": f"s{series}", "parameters": int(10**size)}
            rows.append(model_rows(name, alphas=(alpha, alpha), **about))
            value = 70 - by_alpha * (alpha - 4) + by_size * (size - 7.25) + level
            if i:
                reported[name] = value + rng.normal(0, noise / 2)
    rows.append(model_rows("lab/far", alphas=(40.0, 40.0), series="s1", parameters=10**7))
    store.commit_models(rows, "scan")
    report(store, reported)
    seen = {"watch": "w", "repo_id": "lab/net-7-0", "revision": "r1", "event": "new"}
    store.append("releases", pa.Table.from_pylist([seen], schema=RELEASES))
    return store
