"""Seconds that tasks of a scan take, beside those that were predicted."""

from collections import defaultdict
from typing import Any

from zoo_analysis.measure.rates import KnownRates, Spent, machine


class TaskAccount:
    """A task's account of what it spends, beside what this machine's rates predict.

    Args:
        rates: of machines.
        device: where it computes.

    Attributes:
        rates: of this machine.
    """

    #: Whether this process has opened a model, for which libraries were imported.
    warm = False

    def __init__(self, rates: KnownRates, device: str) -> None:
        kind = machine(device)
        self.rates = rates.of(kind)
        self._kind, self._gpu = kind, device == "cuda"
        self._longest, self._sums = 0.0, defaultdict[str, Any](int)

    @property
    def spent(self) -> Spent:
        """The sums so far."""
        return Spent(self._kind, self._gpu, **self._sums, longest=self._longest)

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
        self._add(predicted_measuring=predicted, measuring=seconds)
        self._longest = max(self._longest, predicted)

    def _add(self, **spent: float) -> None:
        for name, value in spent.items():
            self._sums[name] += value
