"""Refusals of the hub, each explained in one line that says what to do."""

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess


def explain(error: BaseException, repo_id: str, access: HubAccess, revision: str = "") -> str:
    """The reason why `repo_id` cannot be read, in one line without the token.

    Args:
        error: raised by huggingface_hub or while bytes were read.
        repo_id: of the repository, or what else was asked for.
        access: that was used.
        revision: that was asked for.
    """
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # hf_hub_download says that it could not ask, not why
    if isinstance(error, CheckpointError):
        return str(error)
    status, host = status_of(error), access.endpoint
    if isinstance(error, errors.GatedRepoError):
        reader = "this token" if access.token else "anonymous readers"
        what = f"ask for access at {host}/{repo_id}, then set HF_TOKEN or run `hf auth login`"
        return f"{repo_id}: gated, and not open to {reader}; {what}"
    if is_bad_token(error):
        return f"{host} does not accept the token; correct HF_TOKEN or run `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{repo_id}: no such repository on {host}, or a private one; check the name, "
            "or set HF_TOKEN"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo_id}: has no revision {revision!r}; name a branch, a tag or a commit"
    if isinstance(error, errors.DisabledRepoError):
        return f"{repo_id}: disabled by the hub; choose another model"
    if isinstance(error, errors.HFValidationError):
        return f"{repo_id!r} is no repository's name; write OWNER/NAME or OWNER/NAME@REVISION"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"{repo_id}: HF_HUB_OFFLINE is set and it is not in the cache; unset it"
    if isinstance(error, errors.EntryNotFoundError) and status == 404:
        return f"{repo_id}: the file is missing from the repository; choose another revision"
    if isinstance(error, httpx2.ConnectError):
        return f"cannot reach {host}; check the network and HF_ENDPOINT"
    if status == 429:
        return f"{host} still refuses for too many requests; try again later, or set HF_TOKEN"
    reason = f"HTTP {status}" if status else " ".join(str(error).split()) or type(error).__name__
    if access.token:
        reason = reason.replace(access.token, "…")
    return f"{repo_id}: {host} did not answer properly ({reason}); try again later"


def status_of(error: BaseException) -> int | None:
    """HTTP status of the answer that an error stands for; None where there was no answer."""
    return getattr(getattr(error, "response", None), "status_code", None)


def is_bad_token(error: BaseException) -> bool:
    """True where the hub does not know the token that it was shown."""
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    if not isinstance(error, HfHubHTTPError) or isinstance(error, RepositoryNotFoundError):
        return False
    return error.response.status_code == 401


def is_gone(error: BaseException) -> bool:
    """True where there is no such repository, or none that is open to this reader."""
    from huggingface_hub.errors import DisabledRepoError, RepositoryNotFoundError

    return isinstance(error, RepositoryNotFoundError | DisabledRepoError)
