"""A prediction in a sentence."""

import pytest

from zoo_analysis.answers.prediction.predict import Prediction
from zoo_analysis.answers.prediction.release_words import told_of_prediction

ABOUT = {"repo_id": "a/b", "revision": "r", "method": "m", "dataset": "d", "metric": "accuracy"}
MADE = {"level": 0.9, "models": 9, "series": 9}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"predicted": 79.1, "low": 77.7, "high": 80.5, "reported": 84.0, "verdict": "outside"},
            "predicted 79.1 ± 1.4, reported 84.0: outside",
        ),
        ({"predicted": 79.1, "low": 77.7, "high": 80.5}, "predicted 79.1 ± 1.4"),
        (
            {"predicted": 97.0, "low": 93.0, "high": 98.5, "reported": 98.0, "verdict": "inside"},
            "predicted 97.0 (93.0 to 98.5), reported 98.0: inside",
        ),
        ({"reason": "it has no alpha"}, "not predicted: it has no alpha"),
        (
            {"reason": "it has no alpha", "reported": 71.0},
            "not predicted, reported 71.0: it has no alpha",
        ),
    ],
)
def test_it_says_what_is_known(row: dict[str, object], words: str) -> None:
    assert told_of_prediction(Prediction(**ABOUT, **MADE, **row)) == words  # type: ignore[arg-type]
