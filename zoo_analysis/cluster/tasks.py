"""What runs on a worker. Nothing here raises: a model that fails comes back as a `Failure`."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import ray

from zoo_analysis.cluster.plan import Piece, pieces
from zoo_analysis.errors import ZooError
from zoo_analysis.measure import Measured, concatenated, measure
from zoo_analysis.sources import ModelRef, resolve_revision, with_config
from zoo_analysis.spectra import Method
from zoo_analysis.weights import (
    Checkpoint,
    HubAccess,
    hub_access,
    list_layers,
    open_checkpoint,
    read_config,
)

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """What failed, where and why."""

    ref: ModelRef
    stage: str
    error: str
    message: str
    attempts: int = 1

    def row(self, scan_id: str) -> dict[str, Any]:
        """Of the table `failures`, as something that failed now."""
        told = {name: getattr(self, name) for name in ("stage", "error", "message", "attempts")}
        model = {"repo_id": self.ref.repo_id, "revision": self.ref.revision}
        return {"scan_id": scan_id, **model, **told, "failed_at": datetime.now(UTC)}


@dataclass(frozen=True)
class Skipped:
    """A model the store holds already, at this revision and under this method."""

    ref: ModelRef


@dataclass(frozen=True)
class Opened:
    """A model whose headers were read.

    Attributes:
        ref: with its revision.
        format: of its weights.
        parameters: in all tensors of its matrices and vectors.
        pieces: what is still to be measured.
        measured: its layers, where it was too small to be sent in pieces.
    """

    ref: ModelRef
    format: str
    parameters: int
    pieces: tuple[Piece, ...] = field(default=())
    measured: Measured | None = None


@dataclass(frozen=True)
class Reach:
    """How a worker reads models of the hub.

    Attributes:
        access: endpoint, token and cache; None where no model of the hub is read.
        downloads: called for the permit that a download needs.
    """

    access: HubAccess | None = None
    downloads: Any = nullcontext


@ray.remote(num_cpus=1)
def open_model(
    ref: ModelRef, how: Method, known: frozenset[tuple[str, str, str]], device: str, reach: Reach
) -> Opened | Skipped | Failure:
    """Read a model's headers, and measure it at once if it is a small one."""
    stage = "revision"
    try:
        with one_thread(), hub_access(reach.access, reach.downloads):
            ref = resolve_revision(ref)
            if (ref.repo_id, ref.revision, how.id) in known:
                return Skipped(ref)
            stage = "open"
            with open_checkpoint(ref.path) as checkpoint:
                stage = "layers"
                config = read_config(checkpoint)
                if ref.source == "hub":
                    ref = replace(with_config(ref, config), nbytes=checkpoint.nbytes)
                specs = list_layers(checkpoint, config, ref.architecture, how.split_qkv)
                if not specs:
                    raise ZooError(f"{ref.path} holds no weight matrix: nothing to analyse")
                specs = checkpoint.in_file_order(specs)
                work = pieces(specs, how)
                opened = Opened(ref, checkpoint.format, _parameters(checkpoint), tuple(work))
                if len(work) > 1:
                    return opened
                stage = "measure"
                measured = concatenated([measure(checkpoint, specs, how, device)])
                return replace(opened, pieces=(), measured=measured)
    except Exception as error:
        return failure(ref, stage, error, access=reach.access)


@ray.remote(num_cpus=1)
def measure_piece(
    ref: ModelRef, piece: Piece, how: Method, device: str, reach: Reach
) -> Measured | Failure:
    """Measure some layers of one model."""
    try:
        with (
            one_thread(),
            hub_access(reach.access, reach.downloads),
            open_checkpoint(ref.path) as checkpoint,
        ):
            return measure(checkpoint, piece.specs, how, device)
    except Exception as error:
        return failure(ref, "measure", error, access=reach.access)


@ray.remote(num_cpus=1)
def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Any function on one thread of a worker."""
    with one_thread():
        return function(*arguments)


@contextmanager
def one_thread() -> Iterator[None]:
    """One BLAS thread per Ray CPU: workers side by side beat threads inside each of them."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def failure(
    ref: ModelRef,
    stage: str,
    error: BaseException,
    attempts: int = 1,
    access: HubAccess | None = None,
) -> Failure:
    """A failure from an exception, its message on one line and without secrets."""
    error = getattr(error, "cause", None) or error  # what Ray wraps says more than the wrapping
    message = " ".join(_COLOUR.sub("", str(error)).split()) or type(error).__name__
    for token in (os.environ.get("HF_TOKEN"), access.token if access else None):
        if token:
            message = message.replace(token, "…")
    return Failure(ref, stage, type(error).__name__, message[:1000], attempts)


def _parameters(checkpoint: Checkpoint) -> int:
    """Elements of all floating tensors, tied ones once."""
    sizes: dict[tuple[object, ...], int] = {}
    for info in checkpoint.tensors.values():
        if "float" in info.dtype:
            count = 1
            for side in info.shape:
                count *= side
            sizes[(info.storage, info.shape)] = count
    return sum(sizes.values())
