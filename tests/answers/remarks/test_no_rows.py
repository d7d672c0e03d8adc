"""A question without rows says why: what is asked for is not known, or nothing of it is there."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.answers.questions import ask, query
from zoo_analysis.answers.remarks.empty_tables import TABLES
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store, get_query, list_queries, open_store
from zoo_analysis.store.schemas import TABLES as SCHEMAS
from zoo_analysis.store.views import view_names

FAILED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("empty") / "store")
    for i in range(3):
        rows = model_rows(f"lab/net-{i}", method="default-0123abcd", series="vgg")
        store.commit_models([rows], "scan")
    told = {"repo_id": "lab/net-0", "dataset": "digits", "metric": "accuracy", "source": "card"}
    store.append("accuracies", pa.Table.from_pylist([told | {"value": 90.0}]))
    failed = {"repo_id": "lab/broken", "stage": "read", "message": "truncated", "attempts": 1}
    store.append("failures", pa.Table.from_pylist([failed | {"failed_at": FAILED}]))
    return store


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("history", {"metric": "nonsense"}, "no metric 'nonsense'; there are: log_norm, "),
        ("leaderboard", {"metric": "nonsense"}, "no metric 'nonsense'; there are: log_norm, "),
        ("leaderboard", {"metric": "alhpa"}, "no metric 'alhpa'; did you mean alpha"),
        ("leaderboard", {"series": "vg"}, "no series 'vg'; did you mean vgg?"),
        ("leaderboard", {"dataset": "mnist"}, "no dataset 'mnist'; there are: digits"),
        ("leaderboard", {"quality": "best"}, "no quality 'best'; there are: all, clear"),
        ("kinds", {"method": "weightwatcher"}, "no method begins with 'weightwatcher'; there are"),
        ("warnings", {"model": "net"}, "no model 'net'; did you mean lab/net-0?"),
        ("layers", {"model": "broken"}, "lab/broken could not be measured: truncated (read, 2026"),
        ("releases-per-week", {"watch": "timm"}, "no watch 'timm': the store holds none; look"),
        ("layer-matches", {"a": "x", "b": "net-1"}, "no model 'x'; there are: lab/net-0"),
        ("failures", {"stage": "rede"}, "no stage 'rede'; did you mean read?"),
    ],
)
def test_a_name_that_nothing_has_is_an_error_with_those_there_are(
    store: Store, name: str, params: dict[str, str], message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        query(store, name, params)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "params", "note"),
    [
        ("releases-per-week", {}, "the store holds no release; look for some: zoo track"),
        ("likeness-vs-accuracy", {}, "the store holds no comparison of models; compare some"),
        ("leaderboard", {"metric": "log_norm"}, "no model in the store has log_norm"),
        ("coverage", {"below": "0.5"}, "no model has its elements accounted for"),
        ("history", {}, "the store holds no two checkpoints of one training run"),
        ("history", {"run": "net"}, "the store holds no two checkpoints of one training run"),
        ("revision-changes", {"metric": "alpha"}, "the store holds no model at two revisions"),
        ("spectra-changes", {}, "the store holds no model at two revisions"),
        ("warnings", {"series": "vgg"}, "no layer has a warning"),
        ("scan-days", {"since": "2100-01-01"}, "nothing in the store fits since=2100-01-01"),
    ],
)
def test_where_all_names_are_known_the_note_tells_what_is_lacking(
    store: Store, name: str, params: dict[str, str], note: str
) -> None:
    answer = ask(store, name, params)
    assert answer.table.num_rows == 0
    assert note in (answer.note or "")


def test_every_question_has_a_reason_of_its_own_that_repeats_no_defaults(store: Store) -> None:
    for question in list_queries():
        assert question.empty, question.name
        required = [param.name for param in question.params if param.required]
        answer = ask(store, question.name, dict(zip(required, ("net-0", "net-1"), strict=False)))
        if not answer.table.num_rows:
            assert answer.note is not None
            assert "fits" not in answer.note
            assert answer.note.startswith("no rows: ")


def test_what_was_asked_for_is_not_blamed_where_without_it_there_are_no_rows_either(
    store: Store,
) -> None:
    note = ask(store, "accuracy-disagreements", {"dataset": "digits"}).note
    assert note == f"no rows: {get_query('accuracy-disagreements').empty}"


def test_every_table_and_view_says_what_it_would_hold(store: Store) -> None:
    assert set(TABLES) == {*SCHEMAS, *view_names()}
    for table in TABLES:
        for sql in (
            f"SELECT count(*) FROM {table} HAVING false",
            f"from {table}",
            f"FROM {table};",
        ):
            answer = ask(store, sql)
            if not answer.table.num_rows:
                empty = not store.run(f"FROM {table} LIMIT 1").num_rows
                assert (answer.note is not None) == empty, sql
                assert TABLES[table][0] in (answer.note or TABLES[table][0])


def test_sql_without_rows_says_which_table_has_none(store: Store) -> None:
    note = ask(store, "SELECT m.repo_id FROM models m JOIN studies s ON true").note
    assert note == (
        "no rows: the store holds no estimate of a study; run one: zoo study NAME "
        "(zoo studies lists them)"
    )
    joined = "SELECT m.repo_id FROM models m LEFT JOIN studies s ON true WHERE m.series = 'x'"
    assert ask(store, joined).note is None
    told = zoo("query", "FROM studies", "--store", store.uri)
    assert told.out.count("no rows") == 1
    assert zoo("query", "FROM studies", "--store", store.uri, "-f", "csv").err.startswith("no rows")


def test_the_command_prints_the_note_where_a_reader_sees_it(store: Store) -> None:
    told = zoo("query", "scan-days", "-p", "since=2100-01-01", "--store", store.uri)
    assert (told.code, "no rows: nothing" in told.out) == (0, True)
    told = zoo("query", "scan-days", "-p", "since=2100-01-01", "--store", store.uri, "-f", "json")
    assert (told.out.strip(), "no rows: nothing" in told.err) == ("[]", True)
    told = zoo("query", "leaderboard", "-p", "metric=nonsense", "--store", store.uri)
    assert (told.code, told.out) == (2, "")


def test_every_question_takes_a_preset_for_a_method(store: Store) -> None:
    asked = [q for q in list_queries() if any(param.name == "method" for param in q.params)]
    assert len(asked) > 10
    for question in asked:
        needed = {param.name: "net-0" for param in question.params if param.required}
        named = store.run(question.name, {**needed, "method": "default"})
        assert named == store.run(question.name, {**needed, "method": "default-0123abcd"})
        assert named == store.run(question.name, needed)


def test_a_model_that_failed_is_shown_as_such(store: Store) -> None:
    told = zoo("show", "broken", "--store", store.uri)
    assert told.code == 2
    assert told.err.startswith(
        "zoo: lab/broken could not be measured: truncated (read, 2026-03-01)"
    )


def test_a_method_or_revision_that_a_model_does_not_have(store: Store) -> None:
    told = zoo("show", "net-0", "--method", "nope", "--store", store.uri)
    assert "lab/net-0 was not measured by a method 'nope'; it was measured by default" in told.err
    told = zoo("show", "net-0", "--revision", "nope", "--store", store.uri)
    assert "lab/net-0 has no revision 'nope'; there are: r1" in told.err


def test_a_time_before_the_store_began_is_called_that(store: Store, tmp_path: Path) -> None:
    asked = ("query", "models", "--as-of", "2001-01-01", "--store")
    told = zoo(*asked, store.uri)
    assert "the store at" in told.err
    assert "there is nothing of it as of 2001-01-01T00:00:00 UTC" in told.err
    assert "no store at" in zoo(*asked, tmp_path / "none").err
