"""Types that the tests of scans share."""

from collections.abc import Callable
from pathlib import Path

#: Writes a model directory of Gaussian matrices of these sides, and returns it.
MakeModel = Callable[..., Path]
