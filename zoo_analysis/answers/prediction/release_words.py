"""Predictions of new releases in words, beside what is reported of them."""

from zoo_analysis.answers.prediction.predict import Prediction


def told_of_prediction(row: Prediction) -> str:
    """A prediction in a sentence: ``predicted 79.1 ± 1.4, reported 84.0: outside``."""
    if row.predicted is None or row.low is None or row.high is None:
        reported = "" if row.reported is None else f", reported {row.reported:.1f}"
        return f"not predicted{reported}: {row.reason}"
    below, above = f"{row.predicted - row.low:.1f}", f"{row.high - row.predicted:.1f}"
    around = f"± {above}" if below == above else f"({row.low:.1f} to {row.high:.1f})"
    told = f"predicted {row.predicted:.1f} {around}"
    return told if row.reported is None else f"{told}, reported {row.reported:.1f}: {row.verdict}"
