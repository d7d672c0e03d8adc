"""One model's difference from its base, measured here, into the store: `zoo delta`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.listening import listeners
from zoo_analysis.cluster.placement import device_here
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.scanning.delta_schedule import (
    base_of,
    commit_delta,
    delta_limits,
    derived,
    one_model,
)
from zoo_analysis.cluster.scanning.delta_tasks import delta_method, measure_difference
from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.lineage.declared_kin import base_names
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.store import Store, as_store
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.lenient_json import lenient_json

#: Columns that a reader is shown.
READER_COLUMNS = (
    *("depth", "layer", "kind", "shape", "relative_change", "effective_rank", "num_intruders"),
    *("matrix_rank", "stable_rank", "alpha", "status"),
)


@dataclass(frozen=True)
class DeltaReport:
    """A model's difference from its base.

    Attributes:
        repo_id, revision: of the model.
        base, base_revision: of its base.
        method: the id that the rows are under.
        layers: a row a layer that both have: the columns of the `layers` table without its keys.
        added: layers of the model that the base does not have, or in another shape.
        dropped: layers of the base that the model does not have, or in another shape; none of an
            adapter.
        adapter: whether the model is an adapter, whose layers are differences already.
        store: URI of where the rows are.
    """

    repo_id: str
    revision: str
    base: str
    base_revision: str
    method: str
    layers: pa.Table
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    adapter: bool
    store: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return vars(self) | {"layers": self.layers.to_pylist()}


def delta(
    model: str,
    base: str | None = None,
    store: Store | str | Path | None = None,
    how: Method | Preset | None = None,
    *,
    variant: str = "",
    device: str = "cpu",
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> DeltaReport:
    """The spectra of a model's weights less those of its base, layer by layer, into the store.

    Both are read side by side, by range where they are on the hub, one matrix of each at a time.
    The rows are those of a scan, under a method of their own.

    Args:
        model: a source of one model, as `sources.resolve_sources` takes it; also an adapter.
        base: likewise; None is the one that the model's card, or its adapter_config.json, names.
        store: a store, or what `open_store` takes.
        how: the method, or the name of its preset; the default one where None.
        variant: of the weights of both.
        device: ``cpu`` or ``cuda``.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told when the model is done; a notebook shows a bar unless given.
        on_start: told that there is one model, and the bytes of its weights.

    Returns:
        The report, with the layers; where the store holds the rows already they are kept as they
        are.

    Raises:
        SourceError: a source that is nothing, or not one model; no base, several, or itself.
        CheckpointError: weights that cannot be read.
        StoreError: a store that cannot be written.
        ZooError: no layer that both have, no such device, or more time or memory than the sizes of
            both explain.
    """
    how, store, device = as_method(how), as_store(store), device_here(device)
    ref = one_model(model, access, variant)
    named = named_base(ref, access) if base is None else base
    if named is None:
        raise SourceError(f"{ref.repo_id} names no base model: say which in `base`")
    on_event, on_start = listeners("measuring", on_event, on_start)
    ref, origin = derived(ref, base_of(ref, named, access, variant, told=base is None))
    summary = Summary(store.uri, delta_method(how, origin).id)
    config = how.as_dict() | {"sources": [model], "base": origin.repo_id, "device": device}
    with RunWriter(store, summary, on_event, config) as writer:
        writer.watched.progress.begin(1, ref.nbytes)
        if on_start:
            on_start(1, ref.nbytes)
        limits = delta_limits(ref, origin, Limits())
        try:
            with bounded(limits):
                found = measure_difference(ref, origin, how, device, access)
        except LimitError as error:
            raise ZooError(f"{ref.repo_id}: {str(error).partition(': --')[0]}") from None
        commit_delta(writer, found)
    return DeltaReport(
        found.ref.repo_id,
        str(found.ref.revision),
        found.base.repo_id,
        str(found.base.revision),
        found.how.id,
        found.measured.layers,
        found.added,
        found.dropped,
        found.adapter,
        store.uri,
    )


def named_base(ref: ModelRef, access: HubAccess | None = None) -> str | None:
    """The base that a model's card names, or its adapter_config.json; None where neither does.

    Args:
        ref: the model.
        access: how to reach the hub.

    Raises:
        SourceError: several bases, as of a merge: none of them is the one.
        CheckpointError: weights that cannot be opened.
    """
    names = base_names(ref)
    if len(names) > 1:
        raise SourceError(
            f"{ref.repo_id} names {len(names)} base models ({', '.join(names)}): say which in "
            "`base`"
        )
    if names:
        return names[0]
    with open_checkpoint(ref.path, access) as checkpoint:
        text = checkpoint.beside("adapter_config.json")
    try:
        config = lenient_json(text or "{}")
    except ValueError:
        return None
    told = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    return told if isinstance(told, str) and told else None
