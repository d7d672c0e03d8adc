"""Tasks of a plan, in a process of their own: models priced by their headers. Nothing here raises.

What reads headers is imported inside, so that the driver does not load torch.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from zoo_analysis.cluster.placement import GPU_SPEED, Node, gpu_demand
from zoo_analysis.cluster.processes.serving import note
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.repository import NotDownloaded
from zoo_analysis.measure.rates import Rates
from zoo_analysis.measure.scan_plan import Forecast
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra.methods import Method
from zoo_analysis.texts import size_in_words

if TYPE_CHECKING:
    from zoo_analysis.measure.cost import Piece

#: Headers that are read at the same time: those of one task.
AT_ONCE: Final = 16
#: Seconds that a task of several waits longer than each of its models may take.
_LATER: Final = 5.0


@dataclass(frozen=True)
class Pricing:
    """The basis of prices of models.

    Attributes:
        how: the method.
        rates: of a core.
        of_gpu: rates of a GPU; None where nobody has calibrated it.
        node: the largest machine.
        gpus: of all machines.
        access: how headers of the hub are read.
        limits: of each model.
    """

    how: Method
    rates: Rates
    of_gpu: Rates | None
    node: Node
    gpus: float
    access: HubAccess
    limits: Limits


def forecast_of(ref: ModelRef, skipped: str = "") -> Forecast:
    """The forecast of a model whose headers were not read.

    Args:
        ref: the model.
        skipped: why not.
    """
    return Forecast(ref.repo_id, ref.revision, ref.source, skipped=skipped)


def price_models(refs: Sequence[ModelRef], by: Pricing) -> list[Forecast]:
    """Price models at the same time; where that passes the bounds of one, each by itself."""
    from zoo_analysis.weights.quiet import unwarned

    import_module("zoo_analysis.measure.cost")  # and torch, whose import is no model's time
    with unwarned():
        if len(refs) > 1:
            longer = replace(by.limits, seconds=by.limits.seconds + _LATER)
            with suppress(LimitError), bounded(longer), ThreadPoolExecutor(len(refs)) as pool:
                return list(pool.map(partial(_in_time, by=by), refs))
        return [_alone(number, ref, by) for number, ref in enumerate(refs)]


def why(error: BaseException) -> str:
    """A passed bound without the option that a scan has and a plan has not."""
    return str(error).removesuffix(": --model-memory allows more")


def _in_time(ref: ModelRef, by: Pricing) -> Forecast:
    from zoo_analysis.weights.deadline import deadline

    try:
        with deadline(by.limits.seconds, LimitError):
            return _priced(ref, by)
    except LimitError:
        seconds = f"{by.limits.seconds:.0f} s"
        return forecast_of(ref, f"took more than {seconds}: --model-seconds allows more")


def _alone(number: int, ref: ModelRef, by: Pricing) -> Forecast:
    note(number, "open")
    try:
        with bounded(by.limits):
            return _priced(ref, by)
    except LimitError as error:
        return forecast_of(ref, why(error))


def _priced(ref: ModelRef, by: Pricing) -> Forecast:
    from zoo_analysis.measure.cost import priced
    from zoo_analysis.weights import open_checkpoint

    found = forecast_of(ref)
    try:
        with open_checkpoint(ref.path, by.access) as checkpoint:
            model = priced(found, checkpoint, by.how, by.rates, partial(_on_gpu, by=by))
        if (peak := model.peak_bytes) > by.node.memory:
            needed, there = map(size_in_words, (peak, by.node.memory))
            why = f"its largest layer takes {needed} of memory, and the largest node has {there}"
            return replace(found, peak_bytes=peak, skipped=why)
        return model
    except NotDownloaded as error:
        return replace(found, read_bytes=error.size, skipped=_without(str(error), ref))
    except Exception as error:
        return replace(found, skipped=_without(str(error) or type(error).__name__, ref))


def _without(message: str, ref: ModelRef) -> str:
    """A message without the model's name in front, which has a column of its own."""
    return message.removeprefix(f"{ref.repo_id}: ").removeprefix(f"{ref.path}: ")


def _on_gpu(piece: "Piece", by: Pricing) -> float | None:
    """Seconds of a GPU for a piece; None where it stays on a core.

    What nobody has calibrated is taken for `GPU_SPEED` cores, as a scan takes it.
    """
    from zoo_analysis.measure.cost import cost

    peak, seconds = piece.cost.peak_bytes, piece.cost.seconds
    small = not by.gpus or peak > by.node.memory
    if small or not gpu_demand(peak, seconds, len(piece.specs), by.node):
        return None
    if by.of_gpu is None:
        return seconds / GPU_SPEED
    return sum(cost(spec, by.how, by.of_gpu).seconds for spec in piece.specs)
