"""A Ray to work on: the one that is there, the one that is named, or a quiet local one."""

import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import ray

from zoo_analysis.errors import ZooError

#: By this, Ray takes the loopback interface for that of a whole cluster: then nothing of it listens
#: elsewhere. It is meant for systems whose firewalls ask about all that listens.
_LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


#: Characters of a temporary folder below which Ray's sockets have paths of less than 107: it adds
#: ``session_TIME_PID/sockets/plasma_store``.
_LONGEST: Final = 24
#: Seconds between two looks whether the cluster is there, and without an answer until it is lost:
#: Ray ends the process after 60.
_LOOK, _PATIENCE = 5.0, 30.0


@dataclass
class Link:
    """The way from this process to the cluster's head, and to the part of Ray on this machine.

    Where it is cut, Ray itself waits without a word, and after a minute ends the process.

    Attributes:
        ends: host and port of either, by what it is; none where a proxy stands between.
    """

    ends: Mapping[str, tuple[str, int]]

    def __post_init__(self) -> None:
        self._looked = time.monotonic()
        self._heard = dict.fromkeys(self.ends, self._looked)

    def up(self) -> bool:
        """True where all of them answer now."""
        return all(map(self._hear, self.ends))

    def _hear(self, what: str) -> bool:
        try:
            socket.create_connection(self.ends[what], _LOOK).close()
        except OSError:
            return False
        self._heard[what] = time.monotonic()
        return True

    def check(self) -> None:
        """Look now and then whether they answer.

        Raises:
            ZooError: one has not for too long.
        """
        if time.monotonic() - self._looked < _LOOK:
            return
        for what, end in self.ends.items():
            self._hear(what)
            if (silent := time.monotonic() - self._heard[what]) > _PATIENCE:
                where = ":".join(map(str, end))
                raise ZooError(f"{what} at {where} is lost: no answer for {silent:.0f} s")
        self._looked = time.monotonic()


def _link() -> Link:
    """The link of a Ray that is up."""
    context = ray.get_runtime_context()
    if ray.util.client.ray.is_connected():
        return Link({})
    head, port = context.gcs_address.rsplit(":", 1)
    ends = {"the head of the Ray cluster": (head, int(port))}
    for node in ray.nodes():
        if node["NodeID"] == context.get_node_id():
            ends["this machine's Ray"] = (node["NodeManagerAddress"], node["NodeManagerPort"])
    return Link(ends)


@contextmanager
def ray_session(address: str | None = None) -> Iterator[Link]:
    """Work on Ray inside the `with`; yields the link to it.

    An initialised Ray is used as it is and left running. Otherwise Ray connects to `address`, or
    to ``$RAY_ADDRESS`` (set inside ``ray job submit``), or starts locally; and is left at the end.
    A local Ray listens on the loopback interface alone, asks for a token that only its own
    processes have, and keeps its files in a folder that only this user may enter.

    Raises:
        ZooError: no cluster answers at the address, or none starts here.
    """
    if ray.is_initialized():
        yield _link()
        return
    address = address or os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # silences a warning
    with _joined(address) if address else _started():
        yield _link()


@contextmanager
def _joined(address: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error below says it
            _init(address=address)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ZooError(
            f"no Ray cluster at {address} ({reason}); check `address` and RAY_ADDRESS"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _started() -> Iterator[None]:
    # Ray opens its folder to everybody: it lies within a private one.
    place = tempfile.gettempdir() if len(tempfile.gettempdir()) <= _LONGEST else "/tmp"
    with (
        tempfile.TemporaryDirectory(prefix="zoo-", dir=place, ignore_cleanup_errors=True) as folder,
        _guarded(),
    ):
        try:
            _init(
                address="local",
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                _temp_dir=f"{folder}/ray",
            )
        except Exception as error:  # Ray raises the bare class where a busy machine is too slow
            reason = str(error).splitlines()[0]
            raise ZooError(
                f"Ray did not start here ({reason}); try again when the machine is less busy, "
                "or name a cluster with `address`"
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _init(**options: Any) -> None:
    """Start or join Ray, and leave SIGTERM to the handler that was there: Ray would simply exit."""
    handler, stopped = signal.getsignal(signal.SIGTERM), False
    try:
        ray.init(**options, logging_level=logging.ERROR, log_to_driver=False)
    except SystemExit:  # that is how
        stopped = True
    except BaseException:
        ray.shutdown()
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
    if stopped:
        ray.shutdown()
        signal.raise_signal(signal.SIGTERM)


@contextmanager
def _guarded() -> Iterator[None]:
    """The environment of a Ray that nobody else on the machine or the network may use."""
    from ray._private import ray_constants, services

    # In the environment, which only this user may read; the file that Ray writes is for everybody.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    before = {name: os.environ.get(name) for name in (*token, *_LOOPBACK)}
    cluster = ray_constants.ENABLE_RAY_CLUSTER
    os.environ.update(token | _LOOPBACK)
    ray_constants.ENABLE_RAY_CLUSTER = False  # what has been read of the environment already
    # Without a dashboard it still starts its process, which asks the servers of three clouds
    # whether it is with them.
    dashboard = services.start_api_server
    services.start_api_server = lambda *_, **__: ("", None)
    _read_again()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = cluster
        services.start_api_server = dashboard
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _read_again()


def _read_again() -> None:
    """Have Ray read mode and token from the environment anew: it remembers both."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
