"""(3) The power-law fit against weightwatcher's and powerlaw's, at three sizes."""

import contextlib
import io
import warnings

import numpy as np
import powerlaw

from tests.bench.timing import Row, median_seconds, paired_medians
from zoo_analysis.spectra import fit_power_law

_TARGETS = {1024: "", 4096: "≥ 10", 16384: "≥ 40"}


def run(runs: int) -> list[Row]:
    """Eigenvalues of Gaussian-like bulk with a heavy tail, and of a pure Pareto law."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        from weightwatcher.WW_powerlaw import WWFit
    rows = []
    for n, target in _TARGETS.items():
        for name, x in _samples(n).items():
            ours, theirs = paired_medians(lambda x=x: fit_power_law(x), lambda x=x: WWFit(x), runs)
            mine, reference = fit_power_law(x), WWFit(x)
            assert mine.xmin == reference.xmin
            np.testing.assert_allclose(
                [mine.alpha, mine.D], [reference.alpha, reference.D], rtol=1e-9
            )
            rows.append(
                Row(
                    "fit / weightwatcher",
                    f"{name}, n = {n}",
                    ours,
                    theirs,
                    theirs / ours,
                    target,
                    runs,
                )
            )
        if n <= 4096:  # the package takes minutes beyond
            x = _samples(n)["Pareto"]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = median_seconds(lambda x=x: powerlaw.Fit(x, verbose=False), 1)
            ours = median_seconds(lambda x=x: fit_power_law(x), runs)
            rows.append(
                Row("fit / powerlaw", f"Pareto, n = {n}", ours, theirs, theirs / ours, "", 1)
            )
    return rows


def _samples(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    body = rng.gamma(2, 1, n - n // 5)
    return {
        "Pareto": rng.pareto(2, n) + 1,
        "bulk and tail": np.concatenate([body, 3 * rng.pareto(1.5, n // 5) + 3]),
    }
