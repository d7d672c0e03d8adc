"""Seconds that tasks of a scan take, beside those that were predicted."""

from typing import Any

from zoo_analysis.measure.rates import KnownRates, Spent, machine


class TaskAccount:
    """A task's account of what it spends, beside what this machine's rates predict.

    Args:
        rates: of machines.
        device: where it computes.

    Attributes:
        rates: of this machine.
        spent: so far.
    """

    #: Whether this process has opened a model, for which libraries were imported.
    warm = False

    def __init__(self, rates: KnownRates, device: str) -> None:
        kind = machine(device)
        self.rates, self.spent = rates.of(kind), Spent(kind, device == "cuda")

    def hashed(self, nbytes: int, seconds: float) -> None:
        """Count bytes that were hashed."""
        predicted = self.rates.of_hashing(nbytes)
        self._add(predicted_opening=predicted, opening=seconds)

    def opened(self, layers: int, seconds: float) -> None:
        """Count a model of so many layers that was opened."""
        predicted = self.rates.of_opening(layers)
        if TaskAccount.warm:
            self._add(predicted_opening=predicted, opening=seconds)
        else:
            TaskAccount.warm = True
            self._add(starting=max(seconds - predicted, 0.0), processes=1)

    def measured(self, predicted: float, seconds: float) -> None:
        """Count layers that took so many seconds."""
        self._add(predicted_measuring=predicted, measuring=seconds, longest=predicted)

    def _add(self, **spent: Any) -> None:
        self.spent += Spent(self.spent.kind, self.spent.gpu, **spent)
