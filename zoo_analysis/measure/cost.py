"""Costs of layers and models, from headers alone; and models as pieces of work."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from zoo_analysis.measure.rates import TYPICAL, Rates, Work
from zoo_analysis.spectra import Method, matrix_shape
from zoo_analysis.store.records import schema_of
from zoo_analysis.weights import Checkpoint, LayerSpec, kernel_dims
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.scratch import LARGE

#: An eigenproblem of side M costs as much as this many M³ of a symmetric rank-k update (measured).
_EIGEN = 3.3
#: Floating-point work below which a piece is not worth sending: about two seconds of one core.
_PIECE = 5e10


@dataclass(frozen=True)
class Cost:
    """Cost of one layer, or of several after each other.

    Attributes:
        gram: multiply-adds of Gram matrices.
        eigen: multiply-adds of eigenproblems.
        peak_bytes: memory of the largest layer: its kernel, Gram matrix and LAPACK's copy.
        seconds: of one thread.
    """

    gram: float = 0.0
    eigen: float = 0.0
    peak_bytes: int = 0
    seconds: float = 0.0

    @property
    def flops(self) -> float:
        """Multiply-adds in all."""
        return self.gram + self.eigen

    def __add__(self, other: "Cost") -> "Cost":
        peak = max(self.peak_bytes, other.peak_bytes)
        seconds = self.seconds + other.seconds
        return Cost(self.gram + other.gram, self.eigen + other.eigen, peak, seconds)


@dataclass(frozen=True)
class Piece:
    """Layers of one model that are measured by one task."""

    specs: tuple[LayerSpec, ...]
    cost: Cost


def work_of(spec: LayerSpec, how: Method) -> Work:
    """The work of a layer by a method, from its shape alone."""
    spatial = spec.shape[2:] if spec.kind.startswith("conv") else ()
    return work(kernel_dims(spec)[:3], spatial, how)


def work(sides: tuple[int, int, int], spatial: tuple[int, ...], how: Method) -> Work:
    """The work on a kernel by a method.

    Args:
        sides: (groups, out / groups, in / groups).
        spatial: its further sides.
        how: the method.
    """
    shape = matrix_shape(*sides, spatial, how)
    spectra = 1 + how.randomize
    is_complex = bool(spatial) and how.conv2d == "fft"  # one of each pair of conjugates
    return Work(
        n=shape.n,
        m=shape.m,
        matrices=spectra * shape.matrices * (2 if is_complex else 1),
        strided=bool(spatial),
        elements=spectra * math.prod((*sides, *spatial)),
        evals=shape.num_evals,
        fits=shape.matrices if spatial and how.conv2d == "slices" else 1,
    )


def cost(spec: LayerSpec, how: Method, rates: Rates = TYPICAL, threads: int = 1) -> Cost:
    """Cost of a layer, from its shape alone.

    Args:
        spec: the layer.
        how: the method.
        rates: of the machine, which the seconds are of.
        threads: that it may use.
    """
    if spec.status is not None:
        return Cost(seconds=rates.layer)
    asked, word = work_of(spec, how), 8 if how.dtype == "float64" else 4
    # Large kernels are mapped and let go of while they are read, if not shuffled or decoded.
    held = 4 * asked.elements
    if not (how.randomize or spec.coded):
        held = min(held, LARGE)
    return Cost(
        gram=asked.matrices * asked.n * asked.m**2,
        eigen=asked.matrices * _EIGEN * asked.m**3,
        peak_bytes=held + 3 * word * asked.m**2,
        seconds=rates.of_layer(asked, threads),
    )


def is_small(work: Sequence[Piece]) -> bool:
    """True where a model is measured when it is opened: so little is not worth another task."""
    return len(work) == 1 and work[0].cost.flops < _PIECE


def pieces(specs: Sequence[LayerSpec], how: Method, rates: Rates = TYPICAL) -> list[Piece]:
    """Split a model so that no piece is much more than one large layer, in the order given."""
    out: list[Piece] = []
    batch: list[LayerSpec] = []
    total = Cost()
    for spec in specs:
        each = cost(spec, how, rates)
        if each.flops >= _PIECE:
            out.append(Piece((spec,), each))
            continue
        batch.append(spec)
        total += each
        if total.flops >= _PIECE:
            out.append(Piece(tuple(batch), total))
            batch, total = [], Cost()
    return [*out, Piece(tuple(batch), total)] if batch else out


@dataclass(frozen=True)
class Forecast:
    """One model of a plan.

    Attributes:
        layers: matrices to be measured; None where the header is not known without a download.
        parameters_total, parameters_measured: elements of its tensors, and of its layers.
        coverage: the share of what lies in matrices that will be measured.
        read_bytes: of the tensors to be read, or of the files where they come whole.
        gram_flops, eigen_flops: multiply-adds of Gram matrices and of eigenproblems.
        peak_bytes: memory of the largest layer.
        seconds: of one core.
        gpu_layers: layers that are worth a GPU; none where there is none.
        gpu_seconds: of one GPU, for these layers.
        core_seconds: of the same layers on one core.
        longest: seconds of the layer that takes longest.
        skipped: why the model, or some of its layers, will not be measured; empty if it is whole.
    """

    repo_id: str
    revision: str | None
    source: str
    layers: int | None = None
    parameters_total: int | None = None
    parameters_measured: int | None = None
    coverage: float | None = None
    read_bytes: int = 0
    gram_flops: float = 0.0
    eigen_flops: float = 0.0
    peak_bytes: int = 0
    seconds: float = 0.0
    gpu_layers: int = 0
    gpu_seconds: float = 0.0
    core_seconds: float = 0.0
    longest: float = 0.0
    skipped: str = ""

    def priced(
        self,
        checkpoint: Checkpoint,
        how: Method,
        rates: Rates = TYPICAL,
        on_gpu: Callable[[Piece], float | None] = lambda piece: None,
    ) -> "Forecast":
        """The same with what its checkpoint says.

        Args:
            checkpoint: open; nothing but headers is read.
            how: the method.
            rates: of the machine.
            on_gpu: seconds of a GPU that a piece takes; None where it stays on a core.
        """
        books = take_inventory(checkpoint, {}, split_qkv=how.split_qkv)
        specs = books.layers
        parts = pieces(checkpoint.in_file_order(specs), how, rates)
        prices = [] if is_small(parts) else [(part, on_gpu(part)) for part in parts]
        taken = [(part, seconds) for part, seconds in prices if seconds is not None]
        for_gpus = {spec.layer for part, _ in taken for spec in part.specs}
        costs = [cost(spec, how, rates) for spec in specs]
        total = sum(costs, Cost())
        longest = [seconds for _, seconds in taken]
        alone = zip(specs, costs, strict=True)
        longest += [each.seconds for spec, each in alone if spec.layer not in for_gpus]
        hashed = checkpoint.nbytes if self.revision is None else 0
        names = {name for spec in specs if spec.status is None for name in spec.tensors}
        unread = Counter(spec.status for spec in specs if spec.status is not None)
        reason = ", ".join(f"{count} {status} layers" for status, count in unread.items())
        return replace(
            self,
            layers=len(specs) - unread.total(),
            parameters_total=books.total,
            parameters_measured=books.measured,
            coverage=books.coverage,
            read_bytes=sum(checkpoint.tensors[name].nbytes for name in names),
            gram_flops=total.gram,
            eigen_flops=total.eigen,
            peak_bytes=total.peak_bytes,
            seconds=rates.of_opening(len(specs)) + rates.of_hashing(hashed) + total.seconds,
            gpu_layers=len(for_gpus),
            gpu_seconds=sum(seconds for _, seconds in taken),
            core_seconds=sum(part.cost.seconds for part, _ in taken),
            longest=max(longest, default=0.0),
            skipped=reason if specs else "no weight matrix",
        )


@dataclass(frozen=True)
class ScanPlan:
    """All models of a plan, and what they take together on `cpus` cores.

    Attributes:
        models: of the plan.
        cpus: cores that the work is spread over.
        machine: the kind of most of them.
        calibrated: whether the store knows the rates of that kind, and of the GPUs; else they are
            typical ones, and guesses.
        remarks: what sources left out of account: of which model, and in a sentence what.
        gpus: that take what is worth one.
        gpu: their kind; empty where it is not known.
        start: seconds until processes take work, and have imported what the first model needs.
    """

    models: tuple[Forecast, ...]
    cpus: int
    machine: str
    calibrated: bool
    remarks: tuple[tuple[str, str], ...] = ()
    gpus: float = 0.0
    gpu: str = ""
    start: float = 0.0

    @property
    def seconds(self) -> float:
        """Predicted wall clock of the scan: of its work, or of its longest layer, and the start.

        Cores take a share of what GPUs may do, such that both are done at the same time.
        """
        work = sum(model.seconds for model in self.models) / self.cpus
        if self.gpus:
            on_gpus = sum(model.gpu_seconds for model in self.models) / self.gpus
            on_cores = sum(model.core_seconds for model in self.models) / self.cpus
            share = min(1.0, work / (on_gpus + on_cores)) if on_gpus else 0.0
            work = max(share * on_gpus, work - share * on_cores)
        return self.start + max([work, *(model.longest for model in self.models)])

    def table(self) -> pa.Table:
        """A row a model: the columns of `Forecast` but those that `seconds` is made of."""
        rows = [vars(model) | {"skipped": model.skipped or None} for model in self.models]
        table = pa.Table.from_pylist(rows, schema=schema_of(Forecast))
        return table.drop(["longest", "core_seconds"])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = (
            "layers",
            "parameters_total",
            "parameters_measured",
            "read_bytes",
            "gram_flops",
            "eigen_flops",
            "gpu_layers",
            "gpu_seconds",
        )
        totals = {name: sum(getattr(model, name) or 0 for model in self.models) for name in names}
        peak = max((model.peak_bytes for model in self.models), default=0)
        return {
            "models": [asdict(model) for model in self.models],
            "remarks": self.remarks,
            "totals": totals
            | {"peak_bytes": peak, "seconds": self.seconds, "cpus": self.cpus, "gpus": self.gpus},
            "machine": self.machine,
            "gpu": self.gpu,
            "calibrated": self.calibrated,
        }
