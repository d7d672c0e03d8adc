"""Any function over many arguments, side by side on Ray."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import ray

from zoo_analysis.cluster.worker import call


def side_by_side(
    function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[int, Any]]:
    """Call a function on workers, each call on one thread; Ray must be up.

    Args:
        function: importable where the workers are.
        arguments: of each call.

    Yields:
        The number of a call and its result, as they are done.

    Raises:
        Exception: what the function raised, as soon as its call is done.
    """
    numbers = {call.remote(function, *each): i for i, each in enumerate(arguments)}
    waiting = list(numbers)
    while waiting:
        done, waiting = ray.wait(waiting)
        for task in done:
            yield numbers[task], ray.get(task)
