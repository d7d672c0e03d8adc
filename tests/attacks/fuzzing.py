"""What fuzzing draws from, and how it is run: seeds fixed, each case within its time and memory."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.attacks.limits import within

#: Cases of each of ten parsers in the default suite, and under `exhaustive`.
FEW, MANY = 60, 10_000
#: Seconds that a case may take; `within` bounds its memory.
_SECONDS = 5

#: What breaks parsers, beside what hypothesis thinks of.
ODD_TEXTS = st.sampled_from(
    ["\ud800", "\x00", "\x1b[2J", "²", "٣", "1e999", "nan", "-inf", "0.5%", "9" * 5000, "*a", "&a",
     "a.b.c", "_", ".", "", "\ufeff", "'", '"', "\r", "\n", "true", "1_000", "0x10", "[" * 200]
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12) | ODD_TEXTS
NUMBERS = (
    st.integers(-3, 300)
    | st.sampled_from([2**31, 2**63, 10**30, 10**400, -(2**63) - 1])
    | st.floats(allow_nan=True, allow_infinity=True)
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS


def tree(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values as JSON and YAML have them, with these keys among others."""
    return st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(keys | TEXTS, inner, max_size=4)
        ),
        max_leaves=12,
    )


def fuzz(parser: Callable[..., None], folder: Path, cases: int) -> None:
    """Give a parser so many inputs: it takes the data to draw from and, if it wants, a folder."""
    takes = inspect.signature(parser).parameters

    @seed(16)
    @settings(
        max_examples=cases,
        derandomize=cases == FEW,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        with within(_SECONDS):
            parser(*(data, folder)[: len(takes)])

    run()
