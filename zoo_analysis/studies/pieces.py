"""The finished pieces of a study, kept until the study is over, so that it may be interrupted."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from zoo_analysis.studies.study import Spread


@contextmanager
def continued(spread: Spread, cache: Path, study: str) -> Iterator[Spread]:
    """`Spread` that takes what an interrupted run of the same study and code has done already.

    What is done is forgotten when the study ends, and what other code did, when it begins.

    Args:
        spread: that does the rest.
        cache: directory of studies.
        study: its name.
    """
    pieces = cache / "unfinished" / study
    folder = pieces / _code()
    for other in pieces.glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)

    def spread_rest(
        title: str, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> list[Any]:
        return spread(title, partial(kept, folder, function), arguments)

    yield spread_rest
    shutil.rmtree(pieces, ignore_errors=True)


def kept(folder: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call, read from the folder where the call has been made before.

    Args:
        folder: of results, which appear there whole or not at all.
        function: of a module.
        arguments: its own.
    """
    from joblib import Memory

    return Memory(folder, verbose=0).cache(function)(*arguments)


def _code() -> str:
    """Twelve hex digits that hash this package's sources: other code may find other numbers."""
    digest = sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
