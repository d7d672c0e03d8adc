"""A query reads the store's tables and nothing else, and changes nothing."""

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.support.small_models import model_rows
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store, open_store, tables
from zoo_analysis.store.duck import connect
from zoo_analysis.store.guard import admit


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store, and beside it a file that no query may see."""
    folder = tmp_path_factory.mktemp("victim")
    (folder / "secret.txt").write_text("hunter2")
    (folder / "secret.csv").write_text("word\nhunter2\n")
    store = open_store(folder / "store")
    store.commit_models([model_rows()], "scan")
    return store


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# {outside} is the folder that holds the store, {store} the store, {data} one of its data files.
ATTACKS = [
    # writing
    "COPY (SELECT 1) TO '{outside}/written.csv'",
    "COPY (SELECT 1) TO '{store}/written.parquet'",
    "COPY (SELECT 1) TO '{data}'",
    "COPY layers FROM '{data}'",
    "EXPLAIN COPY (SELECT 1) TO '{outside}/written.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{outside}/written.csv'",
    "EXPORT DATABASE '{outside}/dump'",
    "IMPORT DATABASE '{outside}/dump'",
    "ATTACH '{outside}/new.db'",
    "ATTACH '{outside}/new.db' AS x; CREATE TABLE x.t AS SELECT 1",
    "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "INSERT INTO raw.scans DEFAULT VALUES",
    "WITH x AS (SELECT 1) INSERT INTO raw.scans SELECT * FROM x",
    "DELETE FROM raw.scans",
    "UPDATE raw.scans SET layers = 1",
    "DROP VIEW layers",
    "ALTER VIEW layers RENAME TO l",
    "SELECT * INTO t FROM layers",
    "MERGE INTO raw.scans USING layers ON true WHEN MATCHED THEN DELETE",
    "SELECT 1; DROP VIEW layers",
    "SELECT 1; SELECT 2",
    "BEGIN TRANSACTION",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "",
    "-- nothing but a comment",
    # reading files
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv('{outside}/secret.csv')",
    "SELECT * FROM READ_CSV_AUTO('{outside}/secret.csv')",
    "SELECT * FROM \"read_csv\"('{outside}/secret.csv')",
    "SELECT * FROM system.main.read_csv('{outside}/secret.csv')",
    "SELECT * FROM '{outside}/secret.csv'",
    'SELECT * FROM "{outside}/secret.csv"',
    "SELECT * FROM read_text('{outside}/secret.txt')",
    "SELECT * FROM read_blob('{outside}/secret.txt')",
    "SELECT (SELECT content FROM read_text('{outside}/secret.txt'))",
    "SELECT * FROM layers WHERE layer IN (SELECT content FROM read_text('{outside}/secret.txt'))",
    "WITH x AS (FROM read_text('{outside}/secret.txt')) SELECT * FROM x",
    "SELECT * FROM layers, LATERAL (SELECT * FROM read_text('{outside}/secret.txt'))",
    "SELECT * FROM (DESCRIBE SELECT * FROM read_csv('{outside}/secret.csv'))",
    "SUMMARIZE SELECT * FROM read_csv('{outside}/secret.csv')",
    "DESCRIBE '{outside}/secret.csv'",
    "SELECT * FROM sniff_csv('{outside}/secret.csv')",
    "SELECT * FROM read_json('{outside}/secret.txt')",
    "SELECT * FROM read_parquet('{data}')",
    "SELECT * FROM parquet_metadata('{data}')",
    "SELECT * FROM read_duckdb('{outside}/new.db')",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM 'https://example.com/x.parquet'",
    "SELECT * FROM read_blob('{store}/layers/_delta_log/00000000000000000000.json')",
    # SQL inside strings
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query('FROM read_text(''{outside}/secret.txt'')')",
    "SELECT * FROM query_table('{outside}/secret.csv')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    # settings, extensions, environment
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "SELECT * FROM enable_profiling(save_location = '{outside}/profile')",
    "SELECT * FROM create_external_resource('a', 'b')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_logs()",
    "SELECT getenv('HF_TOKEN')",
    "SELECT main.getenv('HF_TOKEN')",
    "SELECT 'HF_TOKEN'.getenv()",
    "SELECT count(*) FROM layers WHERE getenv('HF_TOKEN') LIKE 'h%'",
    # memory of this process
    "SELECT * FROM python_variable",
    "SELECT * FROM arrow_scan(1::BIGINT, 2::BIGINT, 3::BIGINT)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM python_map_function((SELECT 1))",
    "SELECT * FROM seq_scan()",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_in_one_line(
    victim: Store, attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hunter2")
    python_variable = pa.table({"x": ["hunter2"]})
    outside = Path(victim.uri).parent
    data = tables.local_files(tables.load(victim.location, "layers"))[0]  # type: ignore[arg-type]
    before = files(outside)
    with pytest.raises(QueryError) as refused:
        victim.run(attack.format(outside=outside, store=victim.uri, data=data) + " ")
    message = str(refused.value)
    assert message
    assert "\n" not in message
    assert "hunter2" not in message
    assert files(outside) == before
    del python_variable


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_blob('{store}/layers/_delta_log/00000000000000000000.json')",
        "COPY (SELECT 1) TO '{store}/written.parquet'",
        "ATTACH '{store}/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "CALL enable_logging(storage = 'file', storage_path = '/tmp/log')",
        "SELECT * FROM python_variable",
    ],
)
def test_the_connection_itself_is_locked_where_no_guard_stands_before_it(
    victim: Store, attack: str
) -> None:
    python_variable = pa.table({"x": [1]})
    with pytest.raises(duckdb.Error):
        victim.connect().execute(attack.format(store=victim.uri))
    del python_variable


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM layers",
        "FROM layers",
        "TABLE layers",
        "VALUES (1), (2)",
        "WITH x AS (SELECT alpha FROM layers) SELECT avg(alpha) FROM x;",
        "DESCRIBE layers",
        "SHOW TABLES",
        "SUMMARIZE layers",
        "/* two */ SELECT unnest([1, 2]) -- rows",
        "SELECT * FROM range(3), generate_series(2)",
        "SELECT * FROM layers UNION ALL BY NAME SELECT * FROM layers ORDER BY ALL LIMIT 1",
        "PIVOT layers ON kind IN ('linear') USING avg(alpha)",
        "SELECT * FROM layers ASOF JOIN esds USING (layer, revision)",
    ],
)
def test_plain_questions_are_admitted(victim: Store, query: str) -> None:
    assert victim.run(query + " ").num_rows > 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT alhpa FROM layers", "no column 'alhpa'; did you mean alpha?"),
        ("SELECT qqq FROM layers", "no column 'qqq'; the nearest are "),
        ("SELECT x.nosuch FROM layers x", "x has no column 'nosuch'; `DESCRIBE`"),
        ("SELECT y.alpha FROM layers x", "no table 'y'; the nearest are x"),
        ("SELECT * FROM layers JOIN esds USING (lair)", "no column 'lair'"),
        ("SELECT * FROM layer", "no table or view 'layer'; did you mean layers?"),
        ("SELECT * FROM qqq", "no table or view 'qqq'; there are: accuracies, accuracy, "),
        ("SELECT medain(alpha) FROM layers", "no function 'medain'; did you mean median?"),
        ("SELECT sum(layer) FROM layers", "no function takes sum(VARCHAR); cast"),
        ("SELECT CAST('x' AS INTEGER)", "Could not convert string 'x'"),
        ("SELECT CAST(kind AS INTEGER) FROM layers", "Could not convert string 'linear'"),
        ("SELECT $a", "a"),
    ],
)
def test_an_error_is_one_line_that_names_what_is_not_there_and_what_is_like_it(
    victim: Store, query: str, message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        victim.run(query)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "Error:" not in str(refused.value), "DuckDB's name for the kind of error"


def test_parameters_are_bound_and_never_pasted(victim: Store) -> None:
    evil = "x'; DROP VIEW layers; --"
    assert victim.run("SELECT $v AS v", {"v": evil})["v"].to_pylist() == [evil]
    assert victim.sql("SELECT $v + 1", {"v": 1}).fetchall() == [(2,)]
    with pytest.raises(QueryError):
        victim.run("SELECT 1 AS one", {"unused": 1})


def test_a_relation_outlives_what_made_it(victim: Store) -> None:
    relation = open_store(victim.uri).sql("SELECT count(*) FROM layers")
    assert relation.fetchall() == [(2,)]


def test_every_table_function_is_refused_or_known_to_be_harmless(victim: Store) -> None:
    connection = connect(victim.location)
    known = connection.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'"
    ).fetchall()
    admitted = set()
    for (name,) in known:
        try:
            admit(connection, f"SELECT * FROM {name}()")
        except QueryError:
            continue
        admitted.add(name)
    assert not any(
        word in name
        for name in admitted
        for word in ("read", "scan", "glob", "parquet", "query", "log", "secret", "set", "sql")
    )
    assert os.environ.get("PATH")  # there is something for getenv to leak


def test_a_file_that_no_commit_names_is_never_read(victim: Store) -> None:
    folder = Path(victim.uri) / "layers"
    (stray,) = folder.glob("*.parquet")
    copy = folder / "part-stray.parquet"
    copy.write_bytes(stray.read_bytes())
    try:
        assert victim.run("SELECT count(*) AS n FROM raw.layers")["n"].to_pylist() == [2]
    finally:
        copy.unlink()
