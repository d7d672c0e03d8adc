"""Which metric predicts which accuracy, and how well: pure functions of arrays."""

from zoo_analysis.stats.regression import Regression, regress

__all__ = ["Regression", "regress"]
