"""Byte ranges of one file of a repository at one commit, over HTTP."""

import re
import time
from collections.abc import Callable
from typing import Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import HubPath
from zoo_analysis.hub.refusals import explain, status_of
from zoo_analysis.hub.retry import Interrupted, give_up, quiet, waiting_time
from zoo_analysis.hub.traffic import TEXT_BYTES, TEXT_SECONDS, seconds_for

_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
#: A storage link that has expired answers one of these.
_EXPIRED: Final = (400, 401, 403, 404, 410)


class RangeIgnored(Exception):
    """A server that sends the whole file whatever range it is asked for."""


class HubFile:
    """One file of a repository at one commit.

    The hub answers a range with a redirect to a storage: that link is remembered, so that further
    ranges cost the hub no request, until it expires.

    Attributes:
        name: its ``hf://`` path.
        size: in bytes, once anything of it was fetched.
    """

    def __init__(self, access: HubAccess, repo_id: str, revision: str, name: str) -> None:
        from huggingface_hub import hf_hub_url

        self.access, self.repo_id, self.revision = access, repo_id, revision
        self.name = str(HubPath(repo_id, revision, name))
        self.size: int | None = None
        self._url = hf_hub_url(repo_id, name, revision=revision, endpoint=access.endpoint)
        self._link: str | None = None

    def head(self, most: int) -> bytes:
        """The first `most` bytes, or the whole of a shorter file; sets `size`."""
        buffer = bytearray(most)
        return bytes(buffer[: self._fill(memoryview(buffer), 0)])

    def whole(self, most: int = TEXT_BYTES) -> bytes:
        """The content of a small file.

        Args:
            most: bytes that it may have.

        Raises:
            RangeIgnored: the server cannot be asked for ranges.
            CheckpointError: larger, or not there in time; and as for `fetch`.
        """
        end = time.monotonic() + TEXT_SECONDS
        first = bytearray(min(most, 1 << 18))
        got = self._fill(memoryview(first), 0, lambda: time.monotonic() > end)
        assert self.size is not None
        if self.size > most:
            raise CheckpointError(
                f"{self.name}: has {self.size} bytes, where at most {most} are read of such a file"
            )
        rest = bytearray(self.size - got)
        self.fetch(memoryview(rest), got, lambda: time.monotonic() > end)
        return bytes(first[:got] + rest)

    def fetch(
        self, into: memoryview, start: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Fill `into` with the bytes from `start` on.

        Args:
            into: as long as the range.
            start: of the range in the file.
            stopped: asked between blocks; True abandons the transfer.

        Raises:
            RangeIgnored: the server cannot be asked for ranges.
            CheckpointError: the hub refuses, or does not answer in spite of many tries.
        """
        if self._fill(into, start, stopped) < len(into):
            raise CheckpointError(f"{self.name}: ends before byte {start + len(into)}")

    def _fill(
        self, into: memoryview, start: int, stopped: Callable[[], bool] = lambda: False
    ) -> int:
        got = tries = 0
        wanted = len(into)
        while got < wanted:
            before = got
            try:
                with quiet(), self.access.gate():
                    for block in self._blocks(start + got, start + wanted):
                        if len(block) > wanted - got:
                            raise CheckpointError(f"{self.name}: more bytes came than asked for")
                        into[got : got + len(block)] = block
                        got += len(block)
                        if stopped():
                            raise CheckpointError(
                                f"{self.name}: closed, or given up as too slow, while it was read"
                            )
                assert self.size is not None
                wanted = min(wanted, self.size - start)
                if got < wanted:
                    raise Interrupted(f"{got} of {wanted} bytes came")
            except (RangeIgnored, CheckpointError):
                raise
            except Exception as error:
                if self._link is not None and status_of(error) in _EXPIRED:
                    self._link = None
                    continue
                tries = tries + 1 if got == before else 1
                if give_up(error, tries):
                    line = explain(error, self.repo_id, self.access, self.revision)
                    raise CheckpointError(line) from error
                time.sleep(waiting_time(error, tries, self.access.first_wait))
        return got

    def _blocks(self, start: int, stop: int) -> Any:
        """The bytes ``[start, stop)`` as they come in, fewer at the end of the file."""
        from huggingface_hub import constants
        from huggingface_hub.utils import get_session, hf_raise_for_status

        url = self._link or self._url
        headers = self.access.headers(0, seconds_for(stop - start), identity=True)
        headers["range"] = f"bytes={start}-{stop - 1}"
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code == 416 and start == 0:  # an empty file has no ranges
                self.size = 0
                return
            hf_raise_for_status(response)
            self._check_commit(response)
            self._learn_size(response, start, stop)
            if response.history:
                self._link = str(response.url)
            yield from response.iter_raw()

    def _check_commit(self, response: Any) -> None:
        for answer in (*response.history, response):
            commit = answer.headers.get("x-repo-commit")
            if commit not in (None, self.revision):
                raise CheckpointError(f"{self.name}: the hub answered with commit {commit}")

    def _learn_size(self, response: Any, start: int, stop: int) -> None:
        match = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if match and int(match[1]) == start and int(match[2]) < stop:
            size = int(match[3])
        else:
            # A whole file that is no longer than the range is as good as the range.
            length = response.headers.get("content-length", "")
            if start or not length.isdigit() or int(length) > stop:
                raise RangeIgnored(self.name)
            size = int(length)
        if self.size not in (None, size):
            raise CheckpointError(
                f"{self.name}: changed while it was being read: {size} bytes, not {self.size}"
            )
        self.size = size
