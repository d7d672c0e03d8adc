"""A store in a bucket, behind a real S3 server on this machine."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import boto3
import pytest

from tests.support.loopback_aws import aws
from zoo_analysis.store import ModelRows, Store, open_store, upkeep
from zoo_analysis.store.history import history
from zoo_analysis.store.integrity import check
from zoo_analysis.store.live.small_files import SmallFiles

Make = Callable[..., ModelRows]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """In a process of its own: deltalake keeps the interpreter to itself while it waits."""
    with aws() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> Store:
    name = f"zoo-{len(request.node.name)}"
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(
        Bucket=name
    )
    options = {**keys, "endpoint": endpoint, "region": "us-east-1", "allow_http": "true"}
    return open_store(f"s3://{name}/zoo", storage_options=options)


def repo_ids(store: Store) -> list[str]:
    return store.run("SELECT DISTINCT repo_id FROM layers ORDER BY 1")["repo_id"].to_pylist()


def test_a_store_in_a_bucket_is_written_asked_and_looked_after(
    bucket: Store, model_rows: Make
) -> None:
    assert bucket.committed() == set()
    for i in range(3):
        bucket.commit_models([model_rows(f"lab/{i}")], "scan")
    assert repo_ids(bucket) == ["lab/0", "lab/1", "lab/2"]
    layers = {part.table: part for part in upkeep.compact(bucket.location)}["layers"]
    assert (layers.files_before, layers.files_after) == (3, 1)
    assert repo_ids(bucket) == ["lab/0", "lab/1", "lab/2"]
    commits = history(bucket.location)
    first = next(c.version for c in commits if c.table == "commits" and c.rows)
    options = dict(bucket.location.storage_options)
    assert repo_ids(open_store(bucket.uri, storage_options=options, as_of=first)) == ["lab/0"]
    found = check(bucket)
    assert (found.models, found.layers, found.spectra) == (3, 6, 6)
    removed = {v.table: v.files for v in upkeep.vacuum(bucket.location, timedelta(0))}
    assert removed["layers"] == 3
    assert repo_ids(bucket) == ["lab/0", "lab/1", "lab/2"]


def test_two_writers_to_a_bucket_both_get_their_rows_in(bucket: Store, model_rows: Make) -> None:
    with ThreadPoolExecutor(2) as writers:
        list(
            writers.map(lambda i: bucket.commit_models([model_rows(f"lab/{i}")], "scan"), range(6))
        )
    assert repo_ids(bucket) == [f"lab/{i}" for i in range(6)]


def test_small_files_lie_beside_the_tables_of_a_bucket(bucket: Store) -> None:
    files = SmallFiles(bucket.location, "runs")
    assert (files.list(), files.get("a.json")) == ([], None)
    for content in (b"first", b"second"):
        files.put("a.json", content)
    files.put("b.json", b"x" * 100_000)
    assert files.get("a.json") == b"second"
    assert [file.name for file in files.list()] == ["a.json", "b.json"]
    assert 0 <= files.now() - files.list()[0].written < 60
    files.delete("a.json")
    files.delete("never-there.json")
    assert [file.name for file in files.list()] == ["b.json"]
