"""`zoo demo`: the main job from end to end on models that need no network, and what it shows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from zoo_analysis.answers.regressions import regress
from zoo_analysis.answers.remarks.demonstration import Twins, told_of_digits, told_of_twins, twins
from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.flow import side_by_side
from zoo_analysis.cluster.scan import scan
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.digits import digits_dir, digits_zoo, make_twin, train, twin_of, twins_dir
from zoo_analysis.folders import study_cache
from zoo_analysis.sources import Resolved, resolve_sources
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of
from zoo_analysis.studies.at_hand import PublishedFit, published_fits
from zoo_analysis.studies.trends.authors_files import kept_tables

_METRICS = ("log_norm", "log_spectral_norm", "alpha", "alpha_weighted", "random_like")
_COLUMNS = ["series", "metric", "n", "kendall_tau", "tau_low", "tau_high", "perm_p", "q"]


@dataclass(frozen=True)
class Demo:
    """The demonstration's account.

    Attributes:
        summary: of the scan.
        twins: a row a packaged model: layers, and the share that looks random, of it and of the
            randomly initialised network beside it.
        twins_told: what they show, in sentences.
        regressions: accuracy of the digits models and each metric, series by series: Kendall's τ
            with its 95 % interval.
        digits_told: what they show, and do not, in sentences.
        published: a row a metric of the regressions that were published in 2021; empty where their
            data are not in the cache.
        published_told: what they show, or how to get them.
    """

    summary: Summary
    twins: pa.Table
    twins_told: tuple[str, ...]
    regressions: pa.Table
    digits_told: tuple[str, ...]
    published: pa.Table
    published_told: str


def demo(
    store: Store | str | Path | None = None,
    *,
    address: str | None = None,
    on_training: Callable[[int, int, str], None] = lambda done, models, name: None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> Demo:
    """Train a small zoo of digit classifiers (once), scan it and packaged models, say what is seen.

    Beside each packaged model a randomly initialised network of its architecture is scanned.

    Args:
        store: a store, or what `open_store` takes.
        address: of a Ray cluster that shares this machine's files; None is a local Ray.
        on_training: told how many of how many models are trained or initialised, and the name of
            the last; first with 0.
        on_event: as in `scan`; likewise `on_start`.
        on_start: told how many models there are, and the bytes of their weights.

    Raises:
        StoreError: a store that cannot be written.
        ZooError: no cluster.
    """
    store, root, beside = as_store(store), digits_dir(), twins_dir()
    packaged = resolve_sources("packaged:demo")
    jobs = {
        spec.name: partial(train, spec, root)
        for spec in digits_zoo()
        if not (root / spec.name).is_dir()
    }
    jobs |= {
        f"random/{twin_of(ref, beside).name}": partial(make_twin, ref, beside)
        for ref in packaged.refs
        if not twin_of(ref, beside).is_dir()
    }
    names = [*jobs]
    if jobs:
        on_training(0, len(jobs), "")
        with ray_session(address):
            side_by_side(
                _call,
                [(job,) for job in jobs.values()],
                lambda done, number: on_training(done, len(jobs), names[number]),
            )
    made = [str(twin_of(ref, beside)) for ref in packaged.refs]
    others = resolve_sources([str(root), *made])
    found = Resolved((*others.refs, *packaged.refs), (*others.problems, *packaged.problems))
    summary = scan(found, store, address=address, on_event=on_event, on_start=on_start)
    pairs = {ref.repo_id: f"random/{twin_of(ref, beside).name}" for ref in packaged.refs}
    compared = twins(store, pairs, summary.method)
    table = regress(store, _METRICS, "digits", method=summary.method)
    fits, fits_told = published_fits(kept_tables(study_cache()))
    return Demo(
        summary,
        table_of(Twins, compared),
        told_of_twins(compared),
        table.select(_COLUMNS),
        told_of_digits(store, table, summary.method),
        table_of(PublishedFit, fits),
        fits_told,
    )


def _call(job: Callable[[], Path]) -> Path:
    return job()
