"""The account of a run: what it tells, and what it came to."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import pyarrow.compute as pc

from zoo_analysis.answers.defaults import LEAST_COVERAGE
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.store.model_rows import Tables, layer_count
from zoo_analysis.store.runs import new_run_id


@dataclass(frozen=True)
class Event:
    """Something done in a run.

    Attributes:
        kind: of a scan: a model, or a piece of one; of a comparison: a model captured or failed, a
            pair compared or given up; or that Ray is being started.
        what: the model's repo_id, or those of the pair.
        layers: that were measured.
        bytes: of weights that are done with.
        further: whether it was done by a further method of a scan, which counts its models by one.
    """

    kind: Literal[
        "scanned", "skipped", "failed", "piece", "captured", "compared", "dropped", "starting"
    ]
    what: str
    layers: int = 0
    bytes: float = 0.0
    further: bool = False


class RunSummary:
    """The part that the summaries of all runs share."""

    failed: int
    seconds: float
    failures: list[Failure]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = {name: value for name, value in vars(self).items() if name != "failures"}
        return plain | {"failures": [failure.as_dict() for failure in self.failures]}

    def committed(self, rows: Sequence[Tables], similarities: int) -> None:
        """Count rows that are in the store now."""

    def columns(self) -> Mapping[str, Any]:
        """Its columns of the table `scans`."""
        raise NotImplementedError

    def kept(self) -> str:
        """The rows that a run left in the store when it broke off, in words; empty if none."""
        raise NotImplementedError


@dataclass
class Summary(RunSummary):
    """A scan's account of itself.

    Attributes:
        scan_id: key of its rows in `scans` and `failures`.
        scanned: models whose rows were committed, under `method`.
        skipped: models the store held already, under `method`.
        failed: rows in `failures`: models, or what a further method was to measure of one.
        layers: measured under `method`, their slices not counted.
        further: by what a further method measures of the same models, ``blocks`` or ``delta``:
            `scanned`, `skipped` and `layers` of it.
        parameters_total: of the models scanned under `method`.
        parameters_measured: of those, what lies in layers that can be measured.
        incomplete: models of whose matrices less than `LEAST_COVERAGE` is measured.
        not_understood: models with tensors that are not understood.
        seconds: wall clock.
        predicted: seconds that were to be expected, of models as these are.
        store: the store's URI.
        method: the method's id.
        failures: what failed.
        remarks: what sources left out of account: of which model, and in a sentence what.
    """

    store: str
    method: str
    scan_id: str = field(default_factory=new_run_id)
    scanned: int = 0
    skipped: int = 0
    failed: int = 0
    layers: int = 0
    further: dict[str, dict[str, int]] = field(default_factory=dict)
    parameters_total: int = 0
    parameters_measured: int = 0
    incomplete: list[str] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    seconds: float = 0.0
    predicted: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def committed(self, rows: Sequence[Tables], similarities: int) -> None:
        """Count rows that were committed."""
        for tables in rows:
            models, method = tables["models"], tables["commits"]["method"][0].as_py()
            layers = layer_count(tables["layers"]) if "layers" in tables else 0
            if method != self.method:
                self.count_further(method, scanned=len(models), layers=layers)
                continue
            self.scanned += len(models)
            self.layers += layers
            self.parameters_total += pc.sum(models["parameters_total"], min_count=0).as_py()
            self.parameters_measured += pc.sum(models["parameters_measured"], min_count=0).as_py()
            thin = pc.less(models["coverage"], LEAST_COVERAGE)
            self.incomplete += models["repo_id"].filter(thin).to_pylist()
            if left_out := tables.get("left_out"):
                odd = pc.equal(left_out["reason"], "not-understood")
                self.not_understood += pc.unique(left_out["repo_id"].filter(odd)).to_pylist()

    def count_further(self, method: str, **counts: int) -> None:
        """Count models that are there by a further method, and its layers."""
        kind = method.split("-")[0]
        known = self.further.get(kind, {"scanned": 0, "skipped": 0, "layers": 0})
        self.further[kind] = known | {name: known[name] + n for name, n in counts.items()}

    def columns(self) -> Mapping[str, Any]:
        """Columns of the table `scans`, and others."""
        return vars(self)

    def kept(self) -> str:
        """The models that were committed."""
        return f"{self.scanned} models of this scan are in {self.store}" if self.scanned else ""


@dataclass
class CorrelateSummary(RunSummary):
    """A comparison's account of itself.

    Attributes:
        store: its URI.
        run_id: key of its rows in `similarities`, `scans` and `failures`.
        probes: what the models were shown.
        models: that were to be compared.
        forwarded: models that were run over their probe.
        cached: models whose activations were kept from an earlier run.
        pairs: pairs of models that were compared.
        skipped: pairs that the store held already, under every measure.
        apart: pairs of an image model and a language model, for which no probe was asked for.
        incomparable: numbers that could not be had of a pair; kept as rows without a value.
        failed: rows of `failures`.
        rows: added to `similarities`.
        seconds: wall clock.
        forward_seconds: of workers bringing models to life and running them.
        compare_seconds: of workers comparing.
        failures: what failed.
        reasons: why numbers could not be had.
    """

    store: str
    run_id: str = field(default_factory=new_run_id)
    probes: tuple[str, ...] = ()
    models: int = 0
    forwarded: int = 0
    cached: int = 0
    pairs: int = 0
    skipped: int = 0
    apart: int = 0
    incomparable: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    forward_seconds: float = 0.0
    compare_seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def committed(self, rows: Sequence[Tables], similarities: int) -> None:
        """Count rows that were committed."""
        self.rows += similarities

    def columns(self) -> Mapping[str, Any]:
        """Columns of the table `scans`."""
        scanned = self.forwarded + self.cached
        told = {"scan_id": self.run_id, "method": "correlate", "scanned": scanned, "skipped": 0}
        return told | {"failed": self.failed, "layers": 0, "seconds": self.seconds}

    def kept(self) -> str:
        """The numbers that were committed."""
        return f"{self.rows} numbers of this comparison are in {self.store}" if self.rows else ""


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    out = {"python": platform.python_version()}
    for name in ("zoo-analysis", "torch", "numpy", "scipy", "ray", "deltalake"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out
