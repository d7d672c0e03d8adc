"""Portraits of many models are what is told of each by itself."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.report.conftest import commit
from zoo_analysis.answers import portraits as of_many
from zoo_analysis.answers.diagnosis import diagnose
from zoo_analysis.answers.portraits import portraits
from zoo_analysis.answers.similarity import similar
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import SIMILARITIES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [f"lab/net-{number}" for number in range(4)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four models, one of two revisions and one of no series; similarities and a distance."""
    store = open_store(tmp_path_factory.mktemp("portraits") / "store")
    for number, name in enumerate(NAMES):
        commit(store, name, "nets" if number else None, number)
    commit(store, NAMES[2], "nets", 9, revision="r2")
    rows = [
        {
            **{"repo_id_a": NAMES[0], "revision_a": "r1", "repo_id_b": other, "revision_b": "r1"},
            **{"measure": measure, "probe": "digits", "mode": "full", "neurons": "channel"},
            **{
                "selection": "all",
                "value": 0.1 * i,
                "computed_at": datetime(2026, 1, 1, tzinfo=UTC),
            },
        }
        for measure in ("cka", "procrustes")
        for i, other in enumerate(NAMES[1:])
    ]
    store.append("similarities", pa.Table.from_pylist(rows, schema=SIMILARITIES))
    return store


def test_each_is_told_what_its_own_diagnosis_tells(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_many, "_LAYERS_AT_ONCE", 6)
    batches = list(portraits(store, NAMES))
    assert [len(batch) for batch in batches] == [2, 1, 1]
    for portrait in (each for batch in batches for each in batch):
        alone = diagnose(store, portrait.report.repo_id)
        assert portrait.diagnosis.findings == alone.findings
        assert portrait.report.layers.equals(alone.model.layers)
        assert portrait.report.warnings == alone.model.warnings
        assert dict(portrait.report.model) == dict(alone.model.model)
        assert alone.model.averages.items() <= portrait.report.averages.items()
        left = portrait.report.left_out.select(["tensor", "count", "elements", "reason"])
        assert left.equals(alone.model.left_out)


def test_the_latest_revision_is_shown_and_all_are_named(store: Store) -> None:
    ((portrait,),) = portraits(store, [NAMES[2]])
    assert portrait.report.revision == "r2"
    assert [row["revision"] for row in portrait.revisions] == ["r2", "r1"]


def test_nearest_are_the_most_similar_by_each_measure(store: Store) -> None:
    ((portrait,),) = portraits(store, [NAMES[0]])
    for measure in ("cka", "procrustes"):
        told = [row["other"] for row in portrait.nearest if row["measure"] == measure]
        assert sorted(told) == NAMES[1:]
        alike = similar(store, NAMES[0], measure)["repo_id"].to_pylist()
        assert told == alike == (NAMES[:0:-1] if measure == "cka" else NAMES[1:])


def test_a_model_that_is_not_there_has_none(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    commit(store, "lab/net", None, 0)
    assert not list(portraits(store, ["lab/other"]))
