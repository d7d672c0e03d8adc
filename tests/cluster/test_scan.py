"""A scan commits every model once, whatever goes wrong on the way."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.support.scanned_models import MakeModel
from zoo_analysis import analyze, open_store, scan
from zoo_analysis.cluster.account import Event
from zoo_analysis.cluster.processes.ray_workers import RayWorkers
from zoo_analysis.cluster.scanning import batches
from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.spectra import method
from zoo_analysis.store.integrity import check

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def rows(store: str, sql: str) -> list[tuple[object, ...]]:
    return open_store(store).sql(sql).fetchall()


def test_a_scanned_model_has_the_rows_that_analyze_gives(make_model: MakeModel, store: str) -> None:
    folder = make_model("a")
    summary = scan([str(folder)], store)
    assert (summary.scanned, summary.failed, summary.layers) == (1, 0, 2)
    kept = open_store(store).sql("FROM layers ORDER BY depth").to_arrow_table()
    direct = analyze(folder)
    for name in direct.column_names:
        if name != "seconds":
            assert kept[name].to_pylist() == direct[name].to_pylist(), name


def test_the_books_of_a_scan_balance_and_what_is_not_understood_is_said(
    make_model: MakeModel, store: str, tmp_path: Path
) -> None:
    whole = make_model("a")
    (thin := tmp_path / "zoo" / "thin").mkdir()
    odd = {"fc.weight": torch.randn(30, 20), "fc.bias": torch.ones(30)}
    save_file(odd | {"mystery": torch.randn(9, 8, 7, 6, 5, 4)}, thin / "model.safetensors")
    summary = scan([str(whole), str(thin)], store)
    assert summary.incomplete == summary.not_understood == ["zoo/thin"]
    assert summary.parameters_measured == 40 * 20 + 30 * 40 + 30 * 20
    assert summary.parameters_total == summary.parameters_measured + 30 + 9 * 8 * 7 * 6 * 5 * 4
    assert rows(store, "SELECT tensor, count, elements, reason FROM left_out ORDER BY tensor") == [
        ("*", 1, 30, "vector"),
        ("mystery", 1, 9 * 8 * 7 * 6 * 5 * 4, "not-understood"),
    ]
    assert check(open_store(store)).problems == ()
    (told,) = rows(store, "SELECT coverage FROM models WHERE repo_id = 'zoo/thin'")
    assert told[0] == pytest.approx(600 / (600 + 60480))


def test_a_spectrum_sums_to_the_squared_frobenius_norm(make_model: MakeModel, store: str) -> None:
    scan([str(make_model("a"))], store)
    for total, log_norm in rows(
        store,
        "SELECT list_sum(eigenvalues), log_norm FROM esds "
        "JOIN layers USING (repo_id, revision, method, layer)",
    ):
        assert 10 ** float(str(log_norm)) == pytest.approx(float(str(total)))


def test_a_rerun_continues_and_repeats_nothing(make_model: MakeModel, store: str) -> None:
    tree = make_model("a").parent
    scan([str(tree)], store)
    make_model("b")
    again = scan([str(tree)], store)
    assert (again.scanned, again.skipped) == (1, 1)
    assert rows(store, "SELECT count(*), count(DISTINCT repo_id) FROM layers") == [(4, 2)]


def test_another_method_or_a_changed_byte_is_scanned_anew(
    make_model: MakeModel, store: str
) -> None:
    folder = make_model("a")
    scan([str(folder)], store)
    assert scan([str(folder)], store, method(dtype="float32")).scanned == 1
    save_file({"layers.0.weight": torch.randn(40, 20)}, folder / "model.safetensors")
    assert scan([str(folder)], store).scanned == 1
    assert rows(store, "SELECT count(DISTINCT revision), count(DISTINCT method) FROM layers") == [
        (2, 2)
    ]


def test_every_fault_is_one_row_and_everything_else_is_scanned(
    make_model: MakeModel, store: str, tmp_path: Path
) -> None:
    good = make_model("good")
    tree = good.parent
    whole = (good / "model.safetensors").read_bytes()

    (tree / "truncated").mkdir()
    (tree / "truncated" / "model.safetensors").write_bytes(whole[:-100])

    header_size = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + header_size])
    header["layers.0.weight"]["shape"] = [4000, 2000]
    lie = json.dumps(header).encode()
    (tree / "lying").mkdir()
    (tree / "lying" / "model.safetensors").write_bytes(
        struct.pack("<Q", len(lie)) + lie + whole[8 + header_size :]
    )

    proof = tmp_path / "the-code-ran"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (proof,)  # type: ignore[return-value]

    (tree / "evil").mkdir()
    torch.save({"weight": Payload()}, tree / "evil" / "pytorch_model.bin")

    (tree / "empty").mkdir()

    (tree / "odd").mkdir()
    odd = {
        "a.weight": torch.full((30, 30), float("nan")),
        "b.weight": torch.zeros(30, 30),
        "c.weight": torch.outer(torch.arange(30.0), torch.arange(30.0)),
        "d.weight": torch.randn(30, 30),
    }
    save_file(odd, tree / "odd" / "model.safetensors")

    summary = scan([str(tree)], store)
    assert (summary.scanned, summary.failed) == (2, 4)
    failed = dict(rows(store, "SELECT split_part(repo_id, '/', 2), message FROM failures"))
    assert set(failed) == {"truncated", "lying", "evil", "empty"}
    assert all("\n" not in str(message) for message in failed.values())
    assert not proof.exists()
    assert dict(rows(store, "SELECT layer, status FROM layers WHERE repo_id LIKE '%/odd'")) == {
        "a": "non-finite",
        "b": "all-zero",
        "c": "rank-one",
        "d": "success",
    }


def test_a_large_model_comes_in_pieces_and_goes_in_whole(make_model: MakeModel, store: str) -> None:
    folder = make_model("large", ((2400, 2400), (2400, 2400), (40, 20)))
    events: list[Event] = []
    summary = scan([str(folder)], store, on_event=events.append)
    assert summary.layers == 3
    assert [event.kind for event in events].count("piece") == 2
    assert sum(event.layers for event in events) >= 3
    size = (folder / "model.safetensors").stat().st_size
    assert sum(event.bytes for event in events) == pytest.approx(size)


def test_no_more_tasks_are_in_flight_than_there_are_places(
    make_model: MakeModel, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(12):
        make_model(f"m{i}")
    tree = make_model("last").parent
    seen: list[int] = []
    wait = RayWorkers.wait

    def spy(workers: RayWorkers, submitted: list[Any], seconds: float) -> list[Any]:
        seen.append(len(submitted))
        return wait(workers, submitted, seconds)

    monkeypatch.setattr(RayWorkers, "wait", spy)
    monkeypatch.setattr(batches, "_MODELS", 1)
    assert scan([str(tree)], store).scanned == 13
    assert len(seen) >= 13
    assert max(seen) <= 4


def test_a_scan_records_itself(make_model: MakeModel, store: str) -> None:
    summary = scan([str(make_model("a"))], store)
    ((scan_id, scanned, config, versions),) = rows(
        store, "SELECT scan_id, scanned, config, versions FROM scans"
    )
    assert (scan_id, scanned) == (summary.scan_id, 1)
    assert json.loads(str(config))["conv2d"] == "pool"
    assert json.loads(str(versions))["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_a_source_that_is_nothing_is_refused_at_once(store: str) -> None:
    with pytest.raises(SourceError, match="no-such-thing"):
        scan(["no-such-thing"], store)


def test_cuda_without_a_gpu_is_refused(make_model: MakeModel, store: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ZooError, match="no GPU"):
        scan([str(make_model("a"))], store, device="cuda")
