"""Models go into tasks that are worth sending, and every one of them into one."""

import pytest

from zoo_analysis.cluster.scanning.batches import Batches, expected_seconds
from zoo_analysis.sources import ModelRef

MB = 10**6


def refs(count: int, nbytes: int) -> list[ModelRef]:
    return [ModelRef(f"lab/{nbytes}-{i}", "r", "/p", "local", nbytes) for i in range(count)]


def drained(batches: Batches, places: int, seconds: float = 0.0) -> list[list[ModelRef]]:
    out = []
    while batches:
        out.append(batches.next(places))
        if seconds:
            batches.took(out[-1], seconds * len(out[-1]))
    return out


@pytest.mark.parametrize("places", [1, 4, 1000])
def test_each_model_is_in_one_batch_and_the_largest_come_first(places: int) -> None:
    models = refs(700, 1000) + refs(3, 400 * MB) + refs(20, 10 * MB)
    got = drained(Batches(models), places)
    assert sorted(ref.repo_id for batch in got for ref in batch) == sorted(
        ref.repo_id for ref in models
    )
    sizes = [ref.nbytes for batch in got for ref in batch]
    assert sizes == sorted(sizes, reverse=True)
    assert [len(batch) for batch in got[:3]] == [1, 1, 1]


@pytest.mark.parametrize("seconds", [0.002, 0.01, 0.05, 0.3])
def test_tasks_come_to_half_a_second_of_work_whatever_a_model_takes(seconds: float) -> None:
    got = drained(Batches(refs(4000, 1000)), 8, seconds)
    later = got[len(got) // 2 : -1]
    assert later
    for batch in later:
        assert 0.4 - seconds <= seconds * len(batch) <= 2.2 or len(batch) == 500


def test_many_places_have_work_to_the_end_and_few_have_larger_batches() -> None:
    few, many = (drained(Batches(refs(2000, 1000)), places) for places in (2, 100))
    assert max(map(len, few)) > max(map(len, many))


def test_the_way_from_the_hub_takes_time_of_its_own() -> None:
    here = refs(4, 1000)
    there = [ModelRef(ref.repo_id, "r", "hf://p", "hub", 1000) for ref in here]
    assert expected_seconds(there) > 10 * expected_seconds(here)
    assert len(Batches(there).next(4)) < len(Batches(here).next(4))


def test_models_may_be_opened_from_both_ends_and_each_goes_once() -> None:
    models = refs(600, 1000) + refs(3, 400 * MB) + refs(5, 40 * MB)
    batches = Batches(models)
    ends = [batches.next(4, smallest=bool(i % 2)) for i in range(4)]
    assert {ref.nbytes for batch in ends[::2] for ref in batch} == {400 * MB}
    assert {ref.nbytes for batch in ends[1::2] for ref in batch} == {1000}
    rest = drained(batches, 4)
    assert sorted(ref.repo_id for batch in [*ends, *rest] for ref in batch) == sorted(
        ref.repo_id for ref in models
    )
    assert batches.left == pytest.approx(0.0, abs=1e-6)
