"""A Ray to work on: the one that is there, the one that is named, or a quiet local one."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from zoo_analysis.errors import ZooError


@contextmanager
def ray_session(address: str | None = None) -> Iterator[None]:
    """Work on Ray inside the `with`.

    An initialised Ray is used as it is and left running. Otherwise Ray connects to `address`, or
    to ``$RAY_ADDRESS`` (set inside ``ray job submit``), or starts locally; and is left at the end.

    Raises:
        ZooError: no cluster answers at the address, or none starts here.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # silences a warning
    options = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the error below says it
                ray.init(address=address, **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ZooError(
                f"no Ray cluster at {address} ({reason}); check --address and RAY_ADDRESS"
            ) from error
    else:
        try:
            ray.init(address="local", include_dashboard=False, **options)
        except Exception as error:  # Ray raises the bare class where a busy machine is too slow
            reason = str(error).splitlines()[0]
            raise ZooError(
                f"Ray did not start here ({reason}); try again when the machine is less busy, "
                "or name a cluster with --address"
            ) from error
    try:
        yield
    finally:
        ray.shutdown()
