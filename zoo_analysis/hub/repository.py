"""What of a repository on the hub a model is brought to life from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, current_access
from zoo_analysis.hub.cache import cached, download, in_use
from zoo_analysis.hub.path import HubPath, parse, shard_names
from zoo_analysis.hub.refusals import explain
from zoo_analysis.hub.retry import patiently

#: Configurations, tokenizers and vocabularies, as the libraries look for them; never code.
_BESIDE: Final = re.compile(
    r"((pre)?processor_config|config|tokenizer.*|special_tokens_map|added_tokens|vocab.*"
    r"|merges)\.(json|txt)|[^/]+\.(model|bpe)"
)


@contextmanager
def repository(path: str) -> Iterator[Path]:
    """A directory with the files of a repository that its model needs.

    They come from the user's own cache if all are there, else into the one that scans keep below
    their limit, from which nobody removes them inside the `with`.

    Args:
        path: ``hf://OWNER/NAME@COMMIT/FILE``.

    Raises:
        CheckpointError: missing, gated, too large for the cache, or a hub that does not answer.
    """
    where, access = parse(path), current_access()
    try:
        names = _names(where, access)
    except CheckpointError:
        # The hub cannot be asked what there is: an earlier run may have left all that is needed.
        names = ["config.json", where.file]
        if cached(access, where.repo_id, where.revision, names) is None:
            raise
    if where.file.endswith(".index.json"):
        index = _snapshot(where, access, [where.file]) / where.file
        names += shard_names(index.read_text(), path)
    with in_use(snapshot := _snapshot(where, access, names)):
        yield snapshot


def _names(where: HubPath, access: HubAccess) -> list[str]:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=access.endpoint, token=access.token or False, library_name="zoo-analysis")
    ask = partial(api.list_repo_files, where.repo_id, revision=where.revision)
    try:
        found = patiently(ask, access.first_wait)
    except Exception as error:
        raise CheckpointError(explain(error, where.repo_id, access, where.revision)) from error
    return [*(name for name in found if _BESIDE.fullmatch(name)), where.file]


def _snapshot(where: HubPath, access: HubAccess, names: list[str]) -> Path:
    have = cached(access, where.repo_id, where.revision, names)
    return have or download(access, where.repo_id, where.revision, names)
