"""How this process reaches the hub: endpoint, token, cache, and the gate that downloads pass."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

#: Bytes that a scan may keep of weights that cannot be streamed, unless told otherwise.
CACHE_BYTES = 20 * 10**9
#: Downloads at the same time, on a whole cluster, unless told otherwise.
DOWNLOADS = 16

#: The folder in ``HF_HOME`` that a scan keeps below its limit.
CACHE_NAME = "zoo-analysis"

Gate = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class HubAccess:
    """The hub as one scan sees it; sent to every worker.

    Attributes:
        endpoint: of the hub or a mirror, without a slash at the end.
        token: None is anonymous. It is sent to the endpoint alone and shown nowhere.
        cache_bytes: that weights which cannot be streamed may take on a node's disk.
        download: whether weights that cannot be streamed are downloaded at all.
        first_wait: seconds before the first retry; later ones double it.
        home: instead of the node's own HF_HOME.
    """

    endpoint: str
    token: str | None = field(default=None, repr=False)
    cache_bytes: int = CACHE_BYTES
    download: bool = True
    first_wait: float = 1.0
    home: str | None = None

    def headers(self) -> dict[str, str]:
        """Headers of every request to the endpoint."""
        from huggingface_hub.utils import build_hf_headers

        headers = build_hf_headers(token=self.token or False, library_name="zoo-analysis")
        # Weights do not compress, and a compressed answer has no byte ranges.
        return {**headers, "accept-encoding": "identity"}


def default_access() -> HubAccess:
    """The hub by huggingface_hub's own conventions: HF_ENDPOINT, HF_TOKEN or a login, HF_HOME."""
    from huggingface_hub import constants, get_token

    return HubAccess(constants.ENDPOINT, get_token())


def cache_dir(access: HubAccess) -> Path:
    """Where weights that cannot be streamed are kept: apart from what the user downloaded."""
    from huggingface_hub import constants

    return Path(access.home or constants.HF_HOME) / CACHE_NAME


_current: list[tuple[HubAccess, Gate]] = []


def current_access() -> HubAccess:
    """The access in force, else the default one."""
    return _current[-1][0] if _current else default_access()


def gate() -> AbstractContextManager[object]:
    """To be held while bytes of weights come in."""
    return _current[-1][1]() if _current else contextlib.nullcontext()


@contextlib.contextmanager
def hub_access(access: HubAccess | None, gate: Gate = contextlib.nullcontext) -> Iterator[None]:
    """Read the hub this way inside the `with`; nothing changes for None."""
    if access is None:
        yield
        return
    _current.append((access, gate))
    try:
        yield
    finally:
        _current.pop()
