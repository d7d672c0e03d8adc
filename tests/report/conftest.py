"""A store of strangers' models: names and messages that are markup, code, or very long."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import torch

from tests.report.figures.conftest import heavy_tailed, measured
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import (
    ACCURACIES,
    FAILURES,
    LINEAGE,
    PREDICTIONS,
    RELEASES,
    SIMILARITIES,
)
from zoo_analysis.texts import storable

NOW = datetime(2026, 11, 1, tzinfo=UTC)
#: Markup, the end of a script, marks that turn the direction of writing, line ends of JavaScript,
#: and a name of 10,000 characters.
HOSTILE = (
    "<img src=x onerror=alert(1)>/net",
    "</script><script>alert(2)</script>/net",
    "evil/\u202egnp.exe\u2028\u2029\u2066'; DROP TABLE models; --",
    storable("long/" + "x" * 10_000),
    "javascript:alert(3)/\"onmouseover='alert(4)'",
)
PLAIN = tuple(f"lab/net-{number}" for number in range(5))


def spectra(layers: int, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of `layers` and `esds` of heavy-tailed matrices, and one that is noise."""
    kernels = [heavy_tailed(80, 40, seed + i) for i in range(layers - 1)]
    kernels.append(torch.randn(80, 40, generator=torch.Generator().manual_seed(seed)))
    names = [f"layers.{i}.<b>weight</b>" for i in range(layers)]
    rows = [
        measured(name, kernel, i)
        for i, (name, kernel) in enumerate(zip(names, kernels, strict=True))
    ]
    return [row for row, _ in rows], [esd for _, esd in rows]


def commit(
    store: Store,
    repo_id: str,
    series: str | None,
    seed: int,
    *,
    method: str = "default",
    revision: str = "r1",
    **model: Any,
) -> None:
    """A model of three layers."""
    layers, esds = spectra(3, seed)
    told = {"repo_id": repo_id, "revision": revision, "series": series, "parameters": 10_000 + seed}
    told |= {"parameters_total": 10_000 + seed, "parameters_measured": 9_600}
    left = {"tensor": "<i>bias</i>", "count": 3, "elements": 400, "reason": "vector"}
    eigenvalues = pa.array([each["eigenvalues"] for each in esds], pa.list_(pa.float64()))
    store.commit_models(
        [
            ModelRows(
                told | {"coverage": 1.0} | model,
                method,
                pa.Table.from_pylist(layers),
                pa.table({"layer": [each["layer"] for each in esds], "eigenvalues": eigenvalues}),
                left_out=pa.Table.from_pylist([left]),
            )
        ],
        "scan",
    )


@pytest.fixture(scope="session")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Five plain models of one series with accuracies, and strangers'; similarities, failures."""
    store = open_store(tmp_path_factory.mktemp("page") / "store")
    for number, name in enumerate(PLAIN):
        commit(store, name, "nets", number, library="timm", base_model=HOSTILE[0])
    for number, name in enumerate(HOSTILE):
        commit(store, name, f"series of {name}"[:200], 10 + number, license="<u>mine</u>")
    accuracies = [
        {
            "repo_id": name,
            "dataset": "<s>digits</s>",
            "metric": "accuracy",
            "value": 90.0 + 1.5 * number,
            "source": "card",
            "source_url": "javascript:alert(5)" if number else "https://example.org/card",
            "retrieved_at": NOW,
        }
        for number, name in enumerate(PLAIN)
    ]
    store.append("accuracies", pa.Table.from_pylist(accuracies, schema=ACCURACIES))
    pairs = [
        {
            **{"repo_id_a": a, "revision_a": "r1", "repo_id_b": b, "revision_b": "r1"},
            **{"measure": "cka", "probe": "digits", "mode": "full", "neurons": "channel"},
            **{"selection": "all", "value": 0.5 + 0.01 * i, "computed_at": NOW},
        }
        for i, (a, b) in enumerate([(PLAIN[0], PLAIN[1]), (PLAIN[0], HOSTILE[0])])
    ]
    layers = [
        {**pairs[0], "layer_a": f"layers.{i}.<b>weight</b>", "layer_b": f"layers.{j}.<b>weight</b>"}
        for i in range(3)
        for j in range(3)
    ]
    store.append("similarities", pa.Table.from_pylist([*pairs, *layers], schema=SIMILARITIES))
    failures = [
        {
            **{"scan_id": "scan", "repo_id": f"{name}/broken", "stage": "open", "attempts": 1},
            **{"error": "CheckpointError", "message": name, "failed_at": NOW},
        }
        for name in HOSTILE
    ]
    store.append("failures", pa.Table.from_pylist(failures, schema=FAILURES))
    seen = [
        {
            **{"watch": "<em>hub</em>", "repo_id": name, "revision": "r1", "event": "new"},
            "seen_at": NOW - timedelta(days=number),
        }
        for number, name in enumerate((*PLAIN, *HOSTILE))
    ]
    store.append("releases", pa.Table.from_pylist(seen, schema=RELEASES))
    store.append("lineage", pa.Table.from_pylist(kin(), schema=LINEAGE))
    store.append("predictions", pa.Table.from_pylist(predictions(), schema=PREDICTIONS))
    return store


def kin() -> list[dict[str, Any]]:
    """Rows of `lineage`: a tree of three, of which one step has no direction and is not declared;
    a pair that cards alone call kin; one of which nothing can be told; and strangers.
    """
    found: list[tuple[str, str, dict[str, Any]]] = [
        (HOSTILE[0], PLAIN[0], {"related": True, "step": True, "parent": HOSTILE[0]}),
        (HOSTILE[0], HOSTILE[3], {"related": True, "step": True}),
        (PLAIN[0], PLAIN[1], {"related": False, "step": False, "declared": "kin"}),
        (PLAIN[0], PLAIN[2], {"step": False, "declared": "parent", "reason": "<b>no layer</b>"}),
        (PLAIN[1], PLAIN[2], {"related": False, "step": False}),
    ]
    found[0][2]["declared"] = "parent"
    rows: list[dict[str, Any]] = []
    for a, b, told in found:
        pair = {"repo_id_a": a, "revision_a": "r1", "repo_id_b": b, "revision_b": "r1"}
        pair |= {"computed_at": NOW, "run_id": "lineage"}
        rows.append({**pair, "measure": "kinship", **told})
        if told.get("related"):
            rows.append({**pair, "measure": "units", "value": 0.97, "log10_p": -412.3})
            rows.append({**pair, "measure": "distance", "value": 0.25})
    return rows


def predictions() -> list[dict[str, Any]]:
    """Rows of `predictions`: one that a report is inside, one outside, one waits, one is none."""
    made: list[tuple[str, dict[str, Any]]] = [
        (PLAIN[0], {"predicted": 89.0, "low": 87.5, "high": 90.5}),
        (PLAIN[4], {"predicted": 90.0, "low": 88.0, "high": 92.0}),
        (HOSTILE[1], {"predicted": 80.0, "low": 70.0, "high": 90.0}),
        (HOSTILE[2], {"reason": "<b>beyond</b> all that is reported"}),
    ]
    about = {"revision": "r1", "method": "default", "dataset": "<s>digits</s>", "level": 0.9}
    about |= {"metric": "accuracy", "models": 20, "series": 4, "run_id": "predict"}
    about |= {"predictor": "alpha", "predicted_at": NOW - timedelta(days=1)}
    return [{**about, "repo_id": name, **told} for name, told in made]
