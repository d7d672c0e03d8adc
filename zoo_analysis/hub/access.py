"""Access to the hub: endpoint, token, cache, and the gate that downloads pass."""

import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from zoo_analysis.hub.traffic import marked

#: Bytes that a node keeps of weights that cannot be streamed, unless told otherwise.
CACHE_BYTES = 20 * 10**9
#: Downloads at the same time, on a whole cluster, unless told otherwise.
DOWNLOADS = 16

#: The folder in ``HF_HOME`` that is kept below this limit: apart from what the user downloaded.
CACHE_NAME = "zoo-analysis"

#: Huggingface_hub's name of this client.
CLIENT = "zoo-analysis"


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
        gate: what it returns is held while bytes of weights come in.
    """

    endpoint: str
    token: str | None = field(default=None, repr=False)
    cache_bytes: int = CACHE_BYTES
    download: bool = True
    first_wait: float = 1.0
    home: str | None = None
    gate: Callable[[], AbstractContextManager[object]] = field(
        default=nullcontext, repr=False, compare=False
    )

    @property
    def cache_root(self) -> Path:
        """The folder of all weights that could not be streamed, one in it for each endpoint."""
        from huggingface_hub import constants

        return Path(self.home or constants.HF_HOME) / CACHE_NAME

    @property
    def cache_dir(self) -> Path:
        """The folder of what this endpoint served: another's is never taken for it."""
        digest = hashlib.sha256(self.endpoint.encode()).hexdigest()[:12]
        return self.cache_root / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', self.endpoint)[:60]}-{digest}"

    @property
    def owns_user_cache(self) -> bool:
        """True where the user's own hub cache is of this endpoint: huggingface_hub's own."""
        from huggingface_hub import constants

        return self.endpoint.rstrip("/") == constants.ENDPOINT.rstrip("/")

    def headers(self, most: int, seconds: float, identity: bool = False) -> dict[str, str]:
        """Headers of a request to the endpoint; with them `hub.traffic` watches over it.

        Args:
            most: bytes of the answer; 0 where the caller counts them.
            seconds: in which the answer must be there.
            identity: not compressed; weights do not compress, and a compressed answer has no byte
                ranges.
        """
        from huggingface_hub.utils import build_hf_headers

        headers = build_hf_headers(token=self.token or False, library_name=CLIENT)
        plain = {"accept-encoding": "identity"} if identity else {}
        return {**headers, **plain, **marked(self.endpoint, most, seconds)}


def default_access() -> HubAccess:
    """The hub by huggingface_hub's own conventions: HF_ENDPOINT, HF_TOKEN or a login, HF_HOME."""
    from huggingface_hub import constants, get_token

    return HubAccess(constants.ENDPOINT, get_token())
