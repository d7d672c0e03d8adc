"""Brings a model to life from its files, by timm or transformers, never by code of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from zoo_analysis.activations.networks.network import Network
from zoo_analysis.activations.networks.timm_models import load_timm
from zoo_analysis.activations.networks.transformers_models import load_transformers
from zoo_analysis.errors import ActivationError, CheckpointError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.path import SCHEME, parse
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights import open_checkpoint, read_config
from zoo_analysis.weights.quiet import quietly
from zoo_analysis.weights.readers.files import weight_files


def load_network(
    path: str,
    architecture: str | None = None,
    *,
    device: str = "cpu",
    access: HubAccess | None = None,
) -> Network:
    """A model that can be shown a probe.

    Args:
        path: a directory in hub layout, a checkpoint file, or ``hf://OWNER/NAME@COMMIT/FILE``.
        architecture: ``timm:NAME``, for weights without a config.json.
        device: torch's name of where it is to run.
        access: how to reach the hub; None is `hub.access.default_access`.

    Returns:
        The model in float32 and evaluation mode.

    Raises:
        ActivationError: a device that is not there, files that are missing, unsafe or unreadable,
            an architecture that neither library can build, or weights that do not fit it.
    """
    where = _device(device)
    try:
        with _files(path, access) as local, quietly(), open_checkpoint(local) as checkpoint:
            config = read_config(checkpoint)
            beside = local if local.is_dir() else local.parent
            if isinstance(config.get("architecture"), str):
                return load_timm(path, checkpoint, config, config["architecture"], where)
            if isinstance(config.get("model_type"), str):
                if not local.is_dir() and weight_files(beside) != [local]:
                    raise ActivationError(
                        f"{path}: beside other weights, which transformers would load; give it a "
                        "directory of its own"
                    )
                return load_transformers(path, checkpoint, config, beside, where)
            library, _, name = (architecture or "").partition(":")
            if library == "timm":
                return load_timm(path, checkpoint, None, name, where)
            raise ActivationError(
                f"{path}: no config.json of timm or transformers says what it is; add one, or say "
                'architecture = "timm:NAME" in a catalogue'
            )
    except CheckpointError as error:
        raise ActivationError(str(error)) from error


@contextmanager
def _files(path: str, access: HubAccess | None) -> Iterator[Path]:
    if path.startswith(SCHEME):
        where = parse(path)
        repository = Repository(access or default_access(), where.repo_id, where.revision)
        with repository.network_files(where.file) as directory:
            yield directory
    else:
        yield Path(path).absolute()


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        line = str(error).splitlines()[0][:100]
        raise ActivationError(
            f"device {name!r} cannot be used ({line}); use cpu or cuda"
        ) from error
    return device
