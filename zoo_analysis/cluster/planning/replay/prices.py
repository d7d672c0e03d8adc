"""Times that the models of a replay take, on cores and on GPUs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from zoo_analysis.cluster.placement import gpu_demand
from zoo_analysis.cluster.planning.replay.fleets import Fleet
from zoo_analysis.cluster.planning.replay.zoo_models import Kernel, ZooModel
from zoo_analysis.measure.cost import Piece, is_small, pieces, work
from zoo_analysis.spectra import Method
from zoo_analysis.weights import LayerSpec

_CONVOLUTIONS: Final = ("linear", "conv1d", "conv2d", "conv3d")


@dataclass(frozen=True)
class PricedModel:
    """The time that one model takes.

    Attributes:
        opening: seconds of a core before the first layer.
        pieces: its layers; a model of one piece is measured where it is opened.
        nbytes: that are read for each weight.
    """

    opening: float
    pieces: Sequence[Piece]
    nbytes: float

    @property
    def small(self) -> bool:
        """True where it is measured where it is opened."""
        return is_small(self.pieces)

    @property
    def measuring(self) -> float:
        """Seconds of a core for all layers."""
        return sum(piece.cost.seconds for piece in self.pieces)


class Prices:
    """Seconds of models and pieces on a fleet, each computed once.

    Args:
        fleet: the machines.
        how: the method.
    """

    def __init__(self, fleet: Fleet, how: Method) -> None:
        self.fleet, self.how = fleet, how
        # A GPU does the algebra; all else of a layer is a core's work beside it.
        nothing = {2: 1e-30}
        self._beside = replace(fleet.gpu, gram=nothing, eigen=nothing)
        self._models: dict[str, PricedModel] = {}
        self._layers: dict[tuple[Kernel, str, int], float] = {}

    def model(self, model: ZooModel) -> PricedModel:
        """The time that a copy of a model takes."""
        if model.name not in self._models:
            rates = self.fleet.cpu
            elements = sum(n * elements_of(kernel) for kernel, n in model.kernels.items())
            self._models[model.name] = PricedModel(
                rates.of_opening(model.layers),
                pieces(_specs(model), self.how, rates),
                model.nbytes / elements,
            )
        return self._models[model.name]

    def on_cores(self, piece: Piece, threads: int = 1) -> float:
        """Seconds of a piece on a core, or on several."""
        if threads == 1:
            return piece.cost.seconds
        return sum(self._layer(spec, "cpu", threads) for spec in piece.specs)

    def on_gpu(self, piece: Piece) -> tuple[float, float]:
        """Seconds of a core, and of a GPU, for a piece."""
        beside = sum(self._layer(spec, "beside", 1) for spec in piece.specs)
        return beside, sum(self._layer(spec, "gpu", 1) for spec in piece.specs) - beside

    def bounds(self, zoo: Sequence[ZooModel]) -> dict[str, float]:
        """Seconds that each thing by itself takes for a zoo, if nothing else takes any."""
        for_cores = either = beside = for_gpus = largest = 0.0
        for model in zoo:
            priced = self.model(model)
            for_cores += model.copies * priced.opening
            longest = 0.0
            for piece in priced.pieces:
                if self._worth_a_gpu(piece):
                    cpu, gpu = self.on_gpu(piece)
                    either += model.copies * piece.cost.seconds
                    beside, for_gpus = beside + model.copies * cpu, for_gpus + model.copies * gpu
                    longest = max(longest, cpu + gpu)
                else:
                    for_cores += model.copies * piece.cost.seconds
                    most = 1 if priced.small else int(self.fleet.node.cpus)
                    longest = max(longest, self.on_cores(piece, most))
            largest = max(largest, priced.opening + longest)
        fleet, models = self.fleet, sum(model.copies for model in zoo)
        nbytes = sum(model.copies * model.nbytes for model in zoo)
        work, what = (for_cores + either) / fleet.cpus, "work"
        if either:
            # Cores and GPUs share what either may do, so that they end together.
            by_gpus = for_gpus / fleet.gpus
            share = min(1.0, work / (by_gpus + (either - beside) / fleet.cpus))
            work = max(share * by_gpus, work - share * (either - beside) / fleet.cpus)
            what = "cores" if share == 1.0 else what
        return {
            what: work,
            "largest model": largest,
            "hub": nbytes / min(fleet.hub, fleet.nodes * fleet.network),
            "driver": models * fleet.driver,
        }

    def _worth_a_gpu(self, piece: Piece) -> bool:
        peak, seconds = piece.cost.peak_bytes, piece.cost.seconds
        layers = len(piece.specs)
        return bool(self.fleet.gpus and gpu_demand(peak, seconds, layers, self.fleet.node))

    def _layer(self, spec: LayerSpec, on: str, threads: int) -> float:
        kernel = kernel_of(spec)
        key = kernel, on, threads
        if key not in self._layers:
            by_place = {"cpu": self.fleet.cpu, "gpu": self.fleet.gpu, "beside": self._beside}
            rates = by_place[on]
            asked = work(kernel[:3], kernel[3], self.how)
            self._layers[key] = rates.of_layer(asked, threads)
        return self._layers[key]


def kernel_of(spec: LayerSpec) -> Kernel:
    """The shape of a layer of `specs_of`."""
    rows, cols, *spatial = spec.shape
    return spec.groups, rows // spec.groups, cols, tuple(spatial)


def elements_of(kernel: Kernel) -> int:
    """Weights of a kernel."""
    groups, rows, cols, spatial = kernel
    out = groups * rows * cols
    for side in spatial:
        out *= side
    return out


def _specs(model: ZooModel) -> list[LayerSpec]:
    """The layers of a model, as `pieces` takes them."""
    out = []
    for (groups, rows, cols, spatial), count in model.kernels.items():
        kind, shape = _CONVOLUTIONS[len(spatial)], (groups * rows, cols, *spatial)
        spec = LayerSpec(model.name, ("w",), kind, "other", 0, shape, "float32", groups)  # type: ignore[arg-type]
        out += [spec] * count
    return out
