"""Access to the hub: endpoint, token, cache, and the gate that downloads pass."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import HfApi

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
    def cache_dir(self) -> Path:
        """The folder of the weights that could not be streamed."""
        from huggingface_hub import constants

        return Path(self.home or constants.HF_HOME) / CACHE_NAME

    def api(self) -> "HfApi":
        """Huggingface_hub's client of the endpoint's API."""
        from huggingface_hub import HfApi

        return HfApi(self.endpoint, self.token or False, library_name=CLIENT)

    def headers(self) -> dict[str, str]:
        """Headers of every request to the endpoint."""
        from huggingface_hub.utils import build_hf_headers

        headers = build_hf_headers(token=self.token or False, library_name=CLIENT)
        # Weights do not compress, and a compressed answer has no byte ranges.
        return {**headers, "accept-encoding": "identity"}


def default_access() -> HubAccess:
    """The hub by huggingface_hub's own conventions: HF_ENDPOINT, HF_TOKEN or a login, HF_HOME."""
    from huggingface_hub import constants, get_token

    return HubAccess(constants.ENDPOINT, get_token())
