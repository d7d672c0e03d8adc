"""A task whose process was killed for memory is tried with more of it, and not for ever."""

from zoo_analysis.cluster.processes.task import Lost, Task


def killed() -> Lost:
    return Lost(RuntimeError("killed"), memory=True)


def task(memory: int | None) -> Task:
    return Task(print, (), print, lambda error, attempts: None, memory=memory)


def test_each_time_it_may_have_twice_as_much_and_the_third_time_is_the_last() -> None:
    (second,) = task(1000).instead(killed())
    (third,) = second.instead(killed())
    assert (second.memory, third.memory) == (2000, 4000)
    assert list(third.instead(killed())) == []
    assert third.attempts.lost == 3


def test_one_that_declared_none_is_tried_as_it_is() -> None:
    first = task(None)
    assert list(first.instead(killed())) == [first]


def test_a_death_for_another_reason_doubles_nothing() -> None:
    (again,) = task(1000).instead(Lost(RuntimeError("segmentation fault")))
    assert again.memory == 1000
