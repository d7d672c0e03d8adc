"""Repositories as this machine's caches hold them, where the hub is not to be asked."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.description import HubModel, hub_model
from zoo_analysis.hub.path import split_id


def is_offline() -> bool:
    """True where HF_HUB_OFFLINE forbids to ask the hub."""
    from huggingface_hub import constants

    return constants.is_offline_mode()


def kept_models(names: Sequence[str], access: HubAccess) -> dict[str, HubModel | Exception]:
    """Descriptions of repositories by the files of them that are cached here.

    The user's own cache is looked into where it is this endpoint's, and the one of weights that
    could not be streamed. A branch or tag is the commit that it was when it was last asked for.

    Args:
        names: as `hub.path.split_id` takes them.
        access: says which caches.

    Returns:
        For each name the commit and the names of its files, which is all that is known; or
        OfflineModeIsEnabled where nothing is there.
    """
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils import validate_repo_id

    def one(name: str) -> HubModel | Exception:
        named = split_id(name)
        try:
            validate_repo_id(named.repo_id)
        except HFValidationError as error:
            return error
        commit = _commit(access, named.repo_id, named.revision)
        files = kept_files(access, named.repo_id, commit)
        if not files:
            return OfflineModeIsEnabled(f"{name} is not in the cache")
        siblings = [{"rfilename": file} for file in files]
        return hub_model({"id": named.repo_id, "sha": commit, "siblings": siblings})

    return {name: one(name) for name in names}


def kept_files(access: HubAccess, repo_id: str, commit: str) -> list[str]:
    """The paths of a revision's files that are cached here.

    Args:
        access: says which caches.
        repo_id: ``OWNER/NAME``.
        commit: sha.
    """
    folders = [storage / "snapshots" / commit for storage in _storages(access, repo_id)]
    found = {
        file.relative_to(folder).as_posix()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file()
    }
    return sorted(found)


def _commit(access: HubAccess, repo_id: str, revision: str) -> str:
    """The commit that a branch or tag was, or else the revision itself."""
    name = revision or "main"
    refs = (storage / "refs" / name for storage in _storages(access, repo_id))
    return next((ref.read_text().strip() for ref in refs if ref.is_file()), name)


def _storages(access: HubAccess, repo_id: str) -> Iterator[Path]:
    """Folders of a repository, the user's own first."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repo_id, repo_type="model")
    if access.owns_user_cache:
        yield Path(constants.HF_HUB_CACHE) / folder
    yield access.cache_dir / folder
