"""Times that the models of a replay take, on cores and on GPUs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from zoo_analysis.cluster.planning.replay.zoo_models import Kernel, ZooModel
from zoo_analysis.measure.cost import Piece, is_small, pieces, work
from zoo_analysis.measure.rates import Rates
from zoo_analysis.spectra import Method
from zoo_analysis.weights import LayerSpec

_CONVOLUTIONS: Final = ("linear", "conv1d", "conv2d", "conv3d")


@dataclass(frozen=True)
class PricedPiece:
    """The time that one piece of a model takes.

    Attributes:
        piece: itself; its cost is that of one core.
        beside: seconds of a core, where a GPU does the algebra.
        gpu: seconds of that GPU.
        elements: weights that are read.
    """

    piece: Piece
    beside: float
    gpu: float
    elements: int

    @property
    def core(self) -> float:
        """Seconds of a core, without a GPU."""
        return self.piece.cost.seconds


@dataclass(frozen=True)
class PricedModel:
    """The time that one model takes.

    Attributes:
        opening: seconds of a core before the first layer.
        pieces: its layers.
        small: whether it is measured where it is opened.
        weight: bytes that are read for each weight.
    """

    opening: float
    pieces: Sequence[PricedPiece]
    small: bool
    weight: float

    @property
    def longest(self) -> float:
        """Seconds of a core for the opening and the largest piece."""
        return self.opening + max(each.core for each in self.pieces)


class Prices:
    """Seconds of models and pieces on cores and GPUs of some rates, each computed once.

    Args:
        cpu: rates of a core.
        gpu: rates of a GPU.
        how: the method.
    """

    def __init__(self, cpu: Rates, gpu: Rates, how: Method) -> None:
        self.cpu, self.how = cpu, how
        # A GPU does the algebra; all else of a layer is a core's work beside it.
        nothing = {2: 1e-30}
        self._rates = {
            "cpu": cpu,
            "gpu": gpu,
            "beside": replace(gpu, gram=nothing, eigen=nothing),
        }
        self._models: dict[str, PricedModel] = {}
        self._layers: dict[tuple[Kernel, str, int], float] = {}

    def model(self, model: ZooModel) -> PricedModel:
        """The time that a copy of a model takes."""
        if model.name not in self._models:
            elements = sum(n * elements_of(kernel) for kernel, n in model.kernels.items())
            cut = pieces(_specs(model), self.how, self.cpu)
            self._models[model.name] = PricedModel(
                self.cpu.of_opening(model.layers),
                [self._piece(piece) for piece in cut],
                is_small(cut),
                model.nbytes / elements,
            )
        return self._models[model.name]

    def on_cores(self, piece: PricedPiece, threads: int = 1) -> float:
        """Seconds of a piece on a core, or on several."""
        if threads == 1:
            return piece.core
        return sum(self._layer(kernel_of(spec), "cpu", threads) for spec in piece.piece.specs)

    def _piece(self, piece: Piece) -> PricedPiece:
        kernels = [kernel_of(spec) for spec in piece.specs]
        beside = sum(self._layer(kernel, "beside", 1) for kernel in kernels)
        whole = sum(self._layer(kernel, "gpu", 1) for kernel in kernels)
        return PricedPiece(piece, beside, whole - beside, sum(map(elements_of, kernels)))

    def _layer(self, kernel: Kernel, on: str, threads: int) -> float:
        key = kernel, on, threads
        if key not in self._layers:
            asked = work(kernel[:3], kernel[3], self.how)
            self._layers[key] = self._rates[on].of_layer(asked, threads)
        return self._layers[key]


def kernel_of(spec: LayerSpec) -> Kernel:
    """The shape of a layer of `_specs`."""
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
