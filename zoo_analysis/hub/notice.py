"""News for a program of the user's: posted to a URL of his, or given to a command of his.

Names and texts of strangers are in it as JSON, in ASCII, and nowhere else: neither in the address,
nor in a command line, and no shell reads them.
"""

import hmac
import json
import os
import shlex
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from zoo_analysis.errors import ZooError
from zoo_analysis.hub.patience import Patience
from zoo_analysis.hub.retry import patiently
from zoo_analysis.texts import one_line, printable

#: The environment's name of the secret by which a notice is signed.
SECRET: Final = "ZOO_NOTIFY_SECRET"
#: The header of the signature: ``sha256=`` and the HMAC (RFC 2104) of the body, in hexadecimal.
SIGNATURE: Final = "X-Zoo-Signature-256"
#: Seconds for a try, from the connection to the status that is answered; for a command.
_TRY: Final = 30.0
_COMMAND: Final = 600.0


def notice(news: Sequence[Mapping[str, Any]]) -> bytes:
    """A notice as it goes out: JSON with an id, the same at each try, the time, and the news."""
    about = {"id": uuid.uuid4().hex, "sent_at": datetime.now(UTC).isoformat()}
    return json.dumps(about | {"news": list(news)}, allow_nan=False).encode("ascii")


def secret() -> str:
    """The secret that notices are signed by.

    Raises:
        ZooError: the environment has none.
    """
    found = os.environ.get(SECRET, "")
    if not found:
        raise ZooError(
            f"a notice is signed with ${SECRET}, which is not set; set it for both sides"
        )
    return found


def signature(body: bytes, key: str) -> str:
    """The value of the header `SIGNATURE`, by which a receiver knows whom a notice is from."""
    return f"sha256={hmac.new(os.fsencode(key), body, 'sha256').hexdigest()}"


def post(url: str, body: bytes, first_wait: float = 1.0) -> None:
    """Post a signed notice, again and again while it fails for reasons that pass (`hub.retry`).

    A redirect is not followed: what is signed for one address is not handed to another. Of the
    answer nothing but its status is read. No token goes with it.

    Args:
        url: of http or https.
        body: of `notice`.
        first_wait: seconds before the first retry.

    Raises:
        ZooError: no secret, no such URL, or nobody there who takes it.
    """
    import httpx2

    where = check_url(url)
    headers = {"content-type": "application/json", SIGNATURE: signature(body, secret())}

    def send() -> None:
        late = httpx2.ReadTimeout(f"no whole answer in {_TRY:g} s")
        limits = Patience(_TRY, _TRY, lambda: late).extensions
        with (
            httpx2.Client(follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers, extensions=limits) as answer,
        ):
            if answer.is_redirect:
                raise ZooError(f"{where} answers {answer.status_code}, a redirect; give its goal")
            answer.raise_for_status()

    try:
        patiently(send, where, first_wait)
    except httpx2.HTTPStatusError as error:
        raise ZooError(f"{where} answers {error.response.status_code} to a notice") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ZooError(f"{where} takes no notice ({one_line(error)[:200]})") from error


def check_url(url: str) -> str:
    """Scheme, host and port of a URL that may be posted to, as they may be shown.

    Raises:
        ZooError: it is no URL of http or https.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            port = f":{parts.port}" if parts.port else ""
            return f"{parts.scheme}://{parts.hostname}{port}"
    except ValueError:
        pass
    raise ZooError(f"{printable(url)[:100]!r} is no address of http or https to notify")


def give(command: str, body: bytes) -> None:
    """Run a command with a notice on its standard input; what it prints goes to standard error.

    Args:
        command: as in a shell, but no shell is started: words, quotes, and nothing else.
        body: of `notice`.

    Raises:
        ZooError: there is no such program, or it fails or takes more than ten minutes.
    """
    words = command_words(command)
    try:
        done = subprocess.run(words, input=body, stdout=2, timeout=_COMMAND)
    except OSError as error:
        raise ZooError(
            f"{words[0]!r} cannot be run ({error.strerror}); check the command"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ZooError(f"{words[0]!r} took more than {_COMMAND:.0f} s and was ended") from error
    if done.returncode:
        raise ZooError(f"{words[0]!r} ended with status {done.returncode}")


def command_words(command: str) -> list[str]:
    """The words of a command.

    Raises:
        ZooError: there are none, or a quote is open.
    """
    try:
        if words := shlex.split(command):
            return words
    except ValueError as error:
        raise ZooError(f"the command {command!r}: {error}") from error
    raise ZooError("the command is empty; name a program")
