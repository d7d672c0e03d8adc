"""A regression in words claims no more than its interval and its chance."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.answers.remarks.regression_words import told_of_regression

VGG: dict[str, Any] = {
    **{"series": "vgg", "metric": "log_alpha_norm", "n": 8, "flags": "", "r2": 0.88},
    **{"r2_low": 0.45, "r2_high": 0.97, "kendall_tau": -0.93, "tau_low": -1.0, "tau_high": -0.6},
    **{"perm_p": 1 / 601, "q": 0.012},
}


def test_an_order_that_is_sure_is_said_with_its_chance() -> None:
    assert told_of_regression(VGG) == (
        "log_alpha_norm orders the 8 models of vgg by accuracy, as theory says (lower is better): "
        "τ −0.93 (−1.00 to −0.60); R² 0.88 (0.45 to 0.97), by chance 1 in 600; of all that were "
        "tried, q 0.012."
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tau_high": 0.2}, "may order the 8 models of vgg by accuracy"),
        ({"tau_low": None, "tau_high": None}, "may order the 8 models of vgg"),
        (
            {"kendall_tau": 0.9, "tau_low": 0.5, "tau_high": 1.0},
            "against theory (higher",
        ),
        (
            {"perm_p": 0.051, "q": None},
            "does not go with the accuracy of the 8 models of vgg better than chance may:",
        ),
        (
            {"perm_p": 0.051, "q": 0.17},
            "does not go with the accuracy of the 8 models of vgg better than chance may:",
        ),
        (
            {"perm_p": 0.03, "q": 0.17},
            "does not go with the accuracy of the 8 models of vgg better than chance may, once "
            "all that were tried are counted: τ −0.93 (−1.00 to −0.60); R² 0.88 (0.45 to 0.97), "
            "by chance 1 in 33",
        ),
        ({"perm_p": 0.03, "q": 0.17}, "of all that were tried, q 0.17."),
        ({"perm_p": 0.51, "q": 0.6}, "by chance 51 in 100"),
        ({"perm_p": 1e-5}, "by chance less than 1 in 10,000"),
        ({"series": None}, "the 8 models of no series"),
        ({"flags": "influential (vgg11)"}, "Beware: influential (vgg11)."),
        (
            {"kendall_tau": None, "flags": "constant metric"},
            "says nothing of the 8 models",
        ),
    ],
)
def test_what_is_not_sure_is_said_so(changed: dict[str, Any], told: str) -> None:
    assert told in told_of_regression(VGG | changed)


@given(st.floats(1e-4, 1), st.floats(1, 100))
def test_an_order_is_said_of_the_corrected_chance_alone(chance: float, tried: float) -> None:
    q = min(chance * tried, 1.0)
    told = told_of_regression(VGG | {"perm_p": chance, "q": q})
    assert ("does not go with" in told) == (q >= 0.05)
