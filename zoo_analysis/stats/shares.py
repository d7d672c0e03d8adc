"""Shares of a count, with their uncertainty."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """A share of a count and its interval (Wilson 1927), which holds at small counts too.

    Attributes:
        count: that have the property.
        of: that were asked.
        low, high: of the interval; NaN where none was asked.
    """

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; NaN where none was asked."""
        return self.count / self.of if self.of else float("nan")


def share(count: int, of: int, confidence: float = 0.95) -> Share:
    """A share with its interval.

    Args:
        count: that have the property.
        of: that were asked.
        confidence: of the interval.

    Returns:
        The share, and Wilson's interval of the proportion behind it.
    """
    from scipy.stats import binomtest

    if not of:
        return Share(count, of, float("nan"), float("nan"))
    interval = binomtest(count, of).proportion_ci(confidence, method="wilson")
    return Share(count, of, float(interval.low), float(interval.high))
