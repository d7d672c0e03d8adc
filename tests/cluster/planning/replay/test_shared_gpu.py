"""A GPU that is shared: the laws of processor sharing."""

import pytest

from zoo_analysis.cluster.planning.replay.shared_gpu import SharedGpu


def test_alone_a_task_takes_its_own_time_and_two_alike_take_twice_that() -> None:
    gpu = SharedGpu()
    gpu.add(5.0, 1, 2.0)
    assert gpu.next_end() == pytest.approx(7.0)
    gpu.add(5.0, 2, 2.0)
    assert gpu.next_end() == pytest.approx(9.0)


def test_who_comes_later_slows_the_first_only_from_then_on() -> None:
    # The first has a second left when the second comes, and both have half of the speed until then.
    gpu = SharedGpu()
    gpu.add(0.0, 1, 3.0)
    gpu.add(2.0, 2, 5.0)
    assert gpu.next_end() == pytest.approx(4.0)
    assert gpu.take(4.0) == 1
    assert gpu.next_end() == pytest.approx(8.0)  # all the work there was, and never idle
    assert gpu.take(8.0) == 2
    assert gpu.next_end() is None
