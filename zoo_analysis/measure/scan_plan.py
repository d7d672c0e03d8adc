"""The plan of a scan: what its models would take. Imports no torch."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.store.records import schema_of

#: What is said of a model that need not be measured.
IN_STORE: Final = "in the store already"

#: What two forecasts of a model have together, or the larger of, or one of them for both.
_SUMMED: Final = (
    *("read_bytes", "gram_flops", "eigen_flops", "seconds"),
    *("gpu_layers", "gpu_seconds", "core_seconds"),
)
_LARGEST: Final = ("peak_bytes", "longest")
_OF_MODEL: Final = ("parameters_total", "parameters_measured", "coverage")


@dataclass(frozen=True)
class Forecast:
    """One model of a plan.

    Attributes:
        layers: matrices to be measured, and rows of blocks; None where the header is not known
            without a download.
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

    def with_blocks(self, blocks: "Forecast") -> "Forecast":
        """The same, with what the blocks of the model take besides; rows of blocks are layers.

        Args:
            blocks: forecast of the model by a method of blocks.
        """
        both = {name: getattr(self, name) + getattr(blocks, name) for name in _SUMMED}
        both |= {name: max(getattr(self, name), getattr(blocks, name)) for name in _LARGEST}
        if self.skipped == blocks.skipped:
            why = self.skipped
        else:
            further = f"of blocks: {blocks.skipped}" if blocks.skipped else ""
            why = "; ".join(filter(None, (self.skipped, further)))
        told = self if self.parameters_total is not None else blocks
        of = {name: getattr(told, name) for name in _OF_MODEL}
        known = [each.layers for each in (self, blocks) if each.layers is not None]
        return replace(self, **both, **of, layers=sum(known) if known else None, skipped=why)


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
