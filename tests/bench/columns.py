"""What the columns that need no option add to the time of measuring a model."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from threadpoolctl import threadpool_limits

from tests.bench.timing import Row
from zoo_analysis.measure import rows as measuring
from zoo_analysis.measure.analyze import analyze
from zoo_analysis.sources.catalogues.models import packaged_models
from zoo_analysis.spectra import layer_metrics, metrics, spectrum_numbers

#: Computed by functions of their own.
_COMPUTED = ("effective_rank", "participation_ratio", "hill_counted")
_PLAIN = {
    "200 of 24 × 24": [(24, 24)] * 200,
    "12 of 384 × 384, 1,536 × 384": [(384, 384), (1536, 384)] * 12,
    "2 of 2,048 × 1,024": [(2048, 1024)] * 2,
    "30,000 × 384": [(30_000, 384)],
}


def run(runs: int) -> list[Row]:
    """Packaged models that are installed, and matrices, in one thread: processor's seconds."""
    torch.set_num_threads(1)
    cases: dict[str, Any] = {}
    for ref in packaged_models("all").refs:
        cases[ref.repo_id] = ref.path
    generator = torch.Generator().manual_seed(0)
    for name, shapes in _PLAIN.items():
        cases[name] = {}
        for i, shape in enumerate(shapes):
            cases[name][f"layer{i}.weight"] = torch.randn(shape, generator=generator)
            cases[name][f"layer{i}.bias"] = torch.randn(shape[0], generator=generator)
    with threadpool_limits(1):
        return [_row(name, partial(analyze, case), runs) for name, case in cases.items()]


def _row(name: str, measure: Callable[[], Any], runs: int) -> Row:
    measure()
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        taken[0].append(_seconds(measure))
        with _without():
            taken[1].append(_seconds(measure))
    ours, other = map(min, taken)  # what disturbs only ever adds
    return Row("analyze / without added columns", name, ours, other, ours / other, "≤ 1.15", runs)


def _seconds(measure: Callable[[], Any]) -> float:
    start = time.process_time()
    measure()
    return time.process_time() - start


@contextmanager
def _without() -> Iterator[None]:
    kept = {name: each for name, each in metrics.METRICS.items() if name not in _COMPUTED}
    with ExitStack() as stack:
        for module, name, instead in (
            (layer_metrics, "entry_statistics", lambda *given: None),
            (measuring, "load_bias", lambda *given: None),
            (spectrum_numbers, "erg_tail", lambda evals: None),
            (metrics, "METRICS", kept),
        ):
            stack.enter_context(patch.object(module, name, instead))
        yield
