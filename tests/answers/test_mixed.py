"""What is said across series claims no slope that chance may have made."""

import numpy as np
import pytest

from zoo_analysis.answers.mixed import in_words
from zoo_analysis.stats import fit_line, simpson

SERIES = [name for name in "uvw" for _ in range(8)]


def told(levels: float, slope: float, noise: float, flipped: float = 0.0) -> str:
    """A finding over three series of eight models.

    Args:
        levels: how far apart the series' accuracies are, for a metric that is 10 apart.
        slope: within each series.
        noise: of the accuracies.
        flipped: added to the slope of the last series.
    """
    generator = np.random.default_rng(0)
    within = np.tile(np.linspace(-1, 1, 8), 3)
    place = np.repeat([0.0, 1.0, 2.0], 8)
    slopes = slope + flipped * (place == 2)
    metric = 10 * place + within
    accuracy = 70 + levels * place + slopes * within + noise * generator.normal(size=24)
    found = simpson(metric, accuracy, SERIES)
    return in_words(found, fit_line(metric, accuracy).slope_p, "alpha")


@pytest.mark.parametrize(
    ("made", "finding"),
    [
        (
            {"levels": 20, "slope": 2, "noise": 0.1},
            "accuracy rises with alpha, over all models and within series",
        ),
        (
            {"levels": -20, "slope": -2, "noise": 0.1},
            "accuracy falls with alpha, over all models and within series",
        ),
        (
            {"levels": 20, "slope": 2, "noise": 0.1, "flipped": -3},
            "accuracy rises with alpha, over all models and within series, but for the line of w",
        ),
        (
            {"levels": 20, "slope": -2, "noise": 0.1},
            "Simpson's paradox: over all models accuracy rises with alpha, but within series "
            "u, v, w it falls",
        ),
    ],
)
def test_slopes_beyond_chance_are_told(made: dict[str, float], finding: str) -> None:
    assert told(**made) == finding


def test_slopes_within_chance_are_told_as_such() -> None:
    # Levels alone: the pooled line is sure, the slopes within series are noise.
    pooled = told(levels=20, slope=0, noise=1)
    assert pooled.startswith("over all models accuracy rises with alpha; that it ")
    assert pooled.endswith(" within series cannot be told from chance")
    # No levels: within series the slope is sure, over all models the metric's levels drown it.
    within = told(levels=0, slope=-2, noise=0.5)
    assert within.startswith("within series accuracy falls with alpha; that it ")
    assert within.endswith(" over all models cannot be told from chance")
    assert told(levels=0, slope=0, noise=1) == (
        "whether accuracy rises or falls with alpha cannot be told from chance, neither over all "
        "models nor within series"
    )
