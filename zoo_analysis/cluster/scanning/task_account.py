"""Settings of a scan that its tasks are given, and what tasks take beside what was predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.rates import KnownRates, Spent, machine
from zoo_analysis.spectra.methods import Method

if TYPE_CHECKING:
    from zoo_analysis.weights import LayerSpec


@dataclass(frozen=True)
class ScanSettings:
    """Settings of a scan that every task is given.

    Attributes:
        how: the method.
        device: where to compute.
        access: how models of the hub are read; None where there are none.
        rates: of machines, by which work is predicted.
    """

    how: Method
    device: str
    access: HubAccess | None
    rates: KnownRates = field(default_factory=lambda: KnownRates({}))


class TaskAccount:
    """The time that a task spends, beside what this machine's rates predict.

    Attributes:
        rates: of this machine.
        spent: so far.

    Args:
        settings: of the scan.
        threads: that the task may use.
    """

    #: Whether this process has opened a model, for which libraries were imported.
    warm = False

    def __init__(self, settings: ScanSettings, threads: int = 1) -> None:
        kind = machine(settings.device)
        self.rates, self.how, self.threads = settings.rates.of(kind), settings.how, threads
        self.spent = Spent(kind, settings.device == "cuda")

    def hashed(self, nbytes: int, seconds: float) -> None:
        """Hear how long the revision of a model on disk took."""
        predicted = self.rates.of_hashing(nbytes)
        self._add(predicted_opening=predicted, opening=seconds)

    def opened(self, layers: int, seconds: float) -> None:
        """Hear how long a model took before the first of its layers."""
        predicted = self.rates.of_opening(layers)
        if TaskAccount.warm:
            self._add(predicted_opening=predicted, opening=seconds)
        else:
            TaskAccount.warm = True
            self._add(starting=max(seconds - predicted, 0.0), processes=1)

    def measured(self, specs: "Sequence[LayerSpec]", seconds: float) -> None:
        """Hear how long layers took."""
        from zoo_analysis.measure.cost import cost

        predicted = sum(cost(spec, self.how, self.rates, self.threads).seconds for spec in specs)
        self._add(predicted_measuring=predicted, measuring=seconds, longest=predicted)

    def _add(self, **spent: Any) -> None:
        self.spent += Spent(self.spent.kind, self.spent.gpu, **spent)
