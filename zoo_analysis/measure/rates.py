"""Seconds that measuring takes on a kind of machine, from shapes alone. Imports no torch."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

#: Quantities that are measured at several sides M; all others are one number each.
_BY_SIDE: Final = ("gram", "eigen")
#: Quantities that scans correct; those of starts are measured by a calibration, too.
CORRECTIONS: Final = ("measuring", "opening", "starting", "process", "ray")


@dataclass(frozen=True)
class Work:
    """The work that one layer asks of a machine.

    Attributes:
        n: the longer side of its matrices.
        m: the shorter side.
        matrices: how many there are, as real ones: a complex product is four real ones.
        strided: whether their entries lie apart, as those of a convolution's slices do.
        elements: weights that are gone through.
        evals: eigenvalues that are sorted and fitted.
        fits: spectra that a law is fitted to.
        eigenproblems: of side m; one a matrix where None.
    """

    n: int
    m: int
    matrices: float
    strided: bool
    elements: int
    evals: int
    fits: int = 1
    eigenproblems: float | None = None

    @property
    def problems(self) -> float:
        """Eigenproblems of side m."""
        return self.matrices if self.eigenproblems is None else self.eigenproblems


@dataclass(frozen=True)
class Rates:
    """Seconds of one thread of a machine kind, by one method.

    Attributes:
        gram: seconds a multiply-add of a Gram matrix, by its side M.
        eigen: seconds of an eigenproblem, by its side M.
        element: seconds a weight of a matrix: read, checked and converted.
        strided: seconds a weight of a convolution's kernel.
        fit: seconds a spectrum, whatever its length.
        evaluation: seconds an eigenvalue: sorted, fitted, averaged.
        layer: seconds a layer besides: its kernel opened, its row made.
        model: seconds a model besides: opened, its configuration read.
        listed: seconds a layer while the model is opened: its architecture built, its kind found.
        hashed: seconds a byte of a model on disk, which is read once for its revision.
        serial: the share of the work on a large matrix that further threads do not shorten.
        measuring: what scans took for their layers, as a multiple of what was predicted.
        opening: the same of opening models.
        starting: seconds that a process takes for its first model beyond others: libraries come.
        process: seconds until a process takes its first task.
        ray: seconds until a Ray of this machine alone is up.
    """

    gram: Mapping[int, float]
    eigen: Mapping[int, float]
    element: float
    strided: float
    fit: float
    evaluation: float
    layer: float
    model: float
    listed: float
    hashed: float
    serial: float
    measuring: float = 1.0
    opening: float = 1.0
    starting: float = 8.0
    process: float = 1.0
    ray: float = 4.0

    def of_layer(self, work: Work, threads: float = 1) -> float:
        """Seconds that a layer takes.

        Args:
            work: of the layer.
            threads: that BLAS may use; Amdahl's law says what further ones are worth.
        """
        algebra = 0.0
        if work.m > 1:
            product = work.n * work.m**2 * _at(self.gram, work.m, 0.0)
            algebra = work.matrices * product + work.problems * _at(self.eigen, work.m, 3.0)
        if threads > 1:
            algebra *= self.serial + (1 - self.serial) / threads
        rest = work.elements * (self.strided if work.strided else self.element)
        rest += work.fits * self.fit + work.evals * self.evaluation + self.layer
        return self.measuring * (algebra + rest)

    def of_opening(self, layers: int) -> float:
        """Seconds that a model of so many layers takes before the first of them is measured."""
        return self.opening * (self.model + layers * self.listed)

    def of_hashing(self, nbytes: int) -> float:
        """Seconds that the revision of a model on disk takes, of so many bytes."""
        return self.opening * nbytes * self.hashed

    def corrected(self, **learnt: Any) -> "Rates":
        """The same, with those of `CORRECTIONS` that scans found."""
        return replace(self, **{name: each for name, each in learnt.items() if each is not None})

    def rows(self) -> list[dict[str, Any]]:
        """A row a number that is measured: `quantity`, `side` (None for most) and `value`."""
        out: list[dict[str, Any]] = []
        for name, value in asdict(self).items():
            if name in _BY_SIDE:
                out += [{"quantity": name, "side": m, "value": v} for m, v in value.items()]
            elif name not in CORRECTIONS:
                out.append({"quantity": name, "side": None, "value": value})
        return out

    @staticmethod
    def of_rows(rows: Iterable[Mapping[str, Any]]) -> "Rates":
        """The rates that `rows` made these rows of."""
        by_side: dict[str, dict[int, float]] = {name: {} for name in _BY_SIDE}
        numbers: dict[str, float] = {}
        for row in rows:
            if row["quantity"] in by_side:
                by_side[row["quantity"]][row["side"]] = row["value"]
            else:
                numbers[row["quantity"]] = row["value"]
        return Rates(gram=by_side["gram"], eigen=by_side["eigen"], **numbers)


@dataclass(frozen=True)
class Spent:
    """Seconds of work on one machine kind, as they were predicted and as they were.

    Attributes:
        kind: of the machine.
        gpu: whether that is a GPU.
        predicted_measuring: of layers.
        measuring: of layers.
        predicted_opening: of models.
        opening: of models, but for the first of a process.
        starting: of processes, with what their first models take longer than others.
        processes: that were started.
        longest: seconds of the longest task, predicted.
    """

    kind: str
    gpu: bool = False
    predicted_measuring: float = 0.0
    measuring: float = 0.0
    predicted_opening: float = 0.0
    opening: float = 0.0
    starting: float = 0.0
    processes: int = 0
    longest: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        sums = {
            name: value + getattr(other, name)
            for name, value in vars(self).items()
            if name not in ("kind", "gpu", "longest")
        }
        return Spent(self.kind, self.gpu, **sums, longest=max(self.longest, other.longest))

    @property
    def predicted(self) -> float:
        """Seconds of one thread in all, as they were predicted."""
        return self.predicted_measuring + self.predicted_opening


@cache
def machine(device: str = "cpu") -> str:
    """The kind of this machine: its processor's name, and how many there are; or its GPU's name."""
    if device != "cpu":
        import torch

        return str(torch.cuda.get_device_name(device))
    names = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return f"{next(names, os.uname().machine)} x {os.cpu_count()}"


def _at(curve: Mapping[int, float], side: int, slope: float) -> float:
    """A curve between the sides it was measured at, both logarithmic; beyond them as side^slope."""
    sides = sorted(curve)
    logs = np.log([curve[each] for each in sides])
    beyond = float(max(side / sides[-1], 1.0) ** slope)
    return beyond * float(np.exp(np.interp(np.log(side), np.log(sides), logs)))


#: One core of a server of 2023 at float64 (measured), for machines that nobody has calibrated.
TYPICAL: Final = Rates(
    gram={2: 1.7e-9, 8: 2.9e-10, 32: 9.7e-11, 128: 4.5e-11, 512: 2.8e-11, 2048: 2.6e-11},
    eigen={2: 2.3e-7, 8: 3.3e-6, 32: 3.6e-5, 128: 5e-4, 512: 0.016, 1024: 0.1, 2048: 0.45},
    element=4e-9,
    strided=1.8e-8,
    fit=5e-4,
    evaluation=2e-7,
    layer=7e-4,
    model=0.006,
    listed=2e-3,
    hashed=8e-10,
    serial=0.3,
)


@dataclass(frozen=True)
class KnownRates:
    """Rates of the machine kinds that a store knows, under one method.

    Attributes:
        measured: by machine kind, corrected by what scans took.
        typical: of all other kinds.
    """

    measured: Mapping[str, Rates]
    typical: Rates = TYPICAL

    def of(self, kind: str) -> Rates:
        """The rates of a machine kind."""
        return self.measured.get(kind, self.typical)
