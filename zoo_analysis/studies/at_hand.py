"""The published regressions in short, where the authors' data are in the cache already."""

from dataclasses import dataclass
from pathlib import Path

from zoo_analysis.errors import SourceError
from zoo_analysis.studies.nature_2021 import judged
from zoo_analysis.studies.trends.lead import Families
from zoo_analysis.studies.trends.printed_cells import large_scale_cells
from zoo_analysis.studies.trends.published import METRICS, STATISTICS
from zoo_analysis.studies.trends.published_models import published_models

_HINT = (
    "The published regressions, 311 models in 27 families, are not in the cache: "
    "`zoo study nature-2021` fetches their data and recomputes them."
)


@dataclass(frozen=True)
class PublishedFit:
    """Regressions of the reported error on a metric: means over architecture families.

    Attributes:
        metric: as the paper averages it over layers.
        families: of at least four models, on one data set each.
        rmse: in percentage points of error.
        r2: of the line.
        kendall_tau: of metric and error.
    """

    metric: str
    families: int
    rmse: float
    r2: float
    kendall_tau: float


def published_fits(folder: Path) -> tuple[list[PublishedFit], str]:
    """The fit of each metric of the 2021 paper and what it amounts to, in a sentence.

    Args:
        folder: that the study nature-2021 keeps the authors' tables in; nothing is fetched.

    Returns:
        A row a metric; none where the tables are not there, with the command that fetches them.
    """
    try:
        found = Families(large_scale_cells(published_models(folder)))
    except SourceError:
        return [], _HINT
    means = found.values.mean(axis=-1)
    fits = [
        PublishedFit(
            metric,
            len(found.names),
            **{name: float(means[i, j]) for i, name in enumerate(STATISTICS)},
        )
        for j, metric in enumerate(METRICS)
    ]
    return fits, judged(found.leads())[1]
