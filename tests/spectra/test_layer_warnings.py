"""What is said of an α: by its size, and by the tail that it comes from."""

import numpy as np
import pytest
import torch

from zoo_analysis.spectra import analyze_kernel, method
from zoo_analysis.spectra.layer_warnings import layer_warnings


@pytest.mark.parametrize(
    ("decades", "count", "short"),
    [
        (2.0, 50, ""),
        (0.5, 10, ""),
        (0.49, 50, "short-tail"),
        (2.0, 9, "short-tail"),
        (0.1, 5, "short-tail"),
        (0.09, 50, "degenerate-tail"),
        (2.0, 4, "degenerate-tail"),
    ],
)
def test_a_tail_is_judged_by_its_decades_and_its_distinct_values(
    decades: float, count: int, short: str
) -> None:
    tail = np.geomspace(1, 10 ** (decades + 1e-9), count)
    assert layer_warnings(3.0, tail) == short
    assert layer_warnings(3.0, np.repeat(tail, 7)) == short, "equal values are one"
    scaled = 1e-3 * tail
    assert layer_warnings(3.0, scaled) == short, "whatever the scale"


def test_a_short_tail_stands_beside_what_alpha_says_and_a_degenerate_one_alone() -> None:
    short, degenerate = np.geomspace(1, 2, 30), np.geomspace(1, 1.1, 30)
    assert layer_warnings(9.0, short) == "under-trained, short-tail"
    assert layer_warnings(1.5, short) == "over-trained, short-tail"
    assert layer_warnings(9.0, degenerate) == "degenerate-tail"
    assert layer_warnings(None, degenerate) == ""
    assert layer_warnings(9.0, None) == "under-trained"


def narrow() -> torch.Tensor:
    """Singular values within a twentieth of a decade of each other, as rotations have them."""
    values = torch.linspace(1, 1.05, 40, dtype=torch.float64)
    return torch.diag(values)[None]


@pytest.mark.parametrize("preset", ["weightwatcher", "nature2021"])
def test_published_methods_judge_no_tail(preset: str) -> None:
    assert analyze_kernel(narrow(), method(preset)).warning == "under-trained"


def test_the_default_judges_the_tail_that_was_fitted() -> None:
    result = analyze_kernel(narrow())
    assert result.status == "success"
    assert result.warning == "degenerate-tail"
    assert analyze_kernel(narrow(), method(tails="any")).warning == "under-trained"


def test_a_tail_is_what_fingers_and_an_upper_end_leave() -> None:
    """An outlier far above makes no tail of what lies together."""
    values = torch.cat([torch.linspace(1, 1.05, 40), torch.tensor([1000.0])]).double()
    kernel = torch.diag(values)[None]
    assert analyze_kernel(kernel, method(xmax=2.0)).warning == "degenerate-tail"
