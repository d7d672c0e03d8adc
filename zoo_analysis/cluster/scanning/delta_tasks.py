"""A model's difference from its base, measured on a worker or here."""

from collections import Counter
from dataclasses import dataclass, replace

import pyarrow as pa

from zoo_analysis.cluster.processes.serving import note
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.scanning.scan_tasks import model_row
from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.deltas.differences import ModelDifference
from zoo_analysis.measure.deltas.partners import partners
from zoo_analysis.measure.rows import Measured
from zoo_analysis.sources import ModelRef, resolve_revision, with_config
from zoo_analysis.spectra.methods import Method
from zoo_analysis.store.model_rows import ModelRows
from zoo_analysis.store.records import table_of
from zoo_analysis.weights import open_checkpoint, read_config
from zoo_analysis.weights.layers.inventory import Inventory, LeftOut
from zoo_analysis.weights.layers.listing import take_inventory

#: Characters of a base's revision in a method's id.
_REVISION = 12


@dataclass(frozen=True)
class MeasuredDelta:
    """A model's difference from its base.

    Attributes:
        ref: the model, with its revision.
        base: the base, likewise.
        how: the method that the rows are under.
        measured: a row a layer that both have.
        model: the model's columns of `models`.
        left_out: its rows of that table.
        added: layers of the model that the base does not have, or in another shape.
        dropped: layers of the base that the model does not have, or in another shape.
        adapter: whether the model is an adapter.
        total: layers of the model.
    """

    ref: ModelRef
    base: ModelRef
    how: Method
    measured: Measured
    model: dict[str, object]
    left_out: pa.Table
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    adapter: bool
    total: int

    def rows(self) -> ModelRows:
        """Its rows in the store."""
        found = self.measured
        return ModelRows(self.model, self.how.id, found.layers, found.esds, left_out=self.left_out)


def delta_method(how: Method, base: ModelRef) -> Method:
    """The method of differences from a base, whose revision is known."""
    revision = (base.revision or "").removeprefix("sha256-")[:_REVISION]
    return replace(how, base=f"{base.repo_id}@{revision}")


def measure_difference(
    ref: ModelRef,
    base: ModelRef,
    how: Method,
    device: str = "cpu",
    access: HubAccess | None = None,
) -> MeasuredDelta:
    """A model's difference from its base, of which one matrix each is in memory at a time.

    Args:
        ref: the model.
        base: its base.
        how: the method, without a base.
        device: where to compute.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        CheckpointError: weights that cannot be read.
        ZooError: no layer that both have.
    """
    ref, base = resolve_revision(ref), resolve_revision(base)
    how = delta_method(how, base)
    with open_checkpoint(ref.path, access) as tuned, open_checkpoint(base.path, access) as origin:
        config = read_config(tuned)
        ref = with_config(ref, config)
        books = take_inventory(tuned, config, ref.architecture, how.split_qkv)
        others = take_inventory(origin, read_config(origin), base.architecture, how.split_qkv)
        layers = partners(books.layers, others.layers)
        if not layers.pairs:
            raise ZooError(
                f"none of the {len(books.layers)} layers of {ref.repo_id} has one name and shape "
                f"with one of the {len(others.layers)} of {base.repo_id}: {_why_none(books)}"
            )
        difference = ModelDifference(tuned, origin, layers)
        measured = difference.measure(how, device, lambda layer: note(0, "measure", layer))
        return MeasuredDelta(
            ref,
            base,
            how,
            measured,
            model_row(ref, tuned, books),
            table_of(LeftOut, books.left_out),
            tuple(spec.layer for spec in layers.added),
            tuple(spec.layer for spec in layers.dropped),
            layers.adapter,
            len(books.layers),
        )


def _why_none(books: Inventory) -> str:
    """What is to be asked where a model has no layer in common with its base."""
    unread = Counter(spec.status for spec in books.layers if spec.status is not None)
    if not unread.total() and books.layers:
        return "is that its base?"
    why = Counter[str]()
    for each in books.left_out:
        why[each.reason] += each.count
    told = ", ".join(f"{count:,} {reason}" for reason, count in why.most_common())
    return f"its tensors tell no change of a matrix ({told})"


def measure_delta(
    ref: ModelRef,
    base: ModelRef,
    how: Method,
    device: str,
    access: HubAccess | None,
    limits: Limits,
) -> MeasuredDelta | Failure:
    """`measure_difference` within limits; what fails comes back as a `Failure`."""
    try:
        with one_thread(), bounded(limits):
            return measure_difference(ref, base, how, device, access)
    except (Exception, LimitError) as error:
        return failure(ref, "delta", error, access=access)
