"""The standing of a model among its series."""

from dataclasses import dataclass

from zoo_analysis.stats import robust_z
from zoo_analysis.store import Store
from zoo_analysis.store.schemas import SUMMARY_METRICS

_SERIES = """
FROM summaries
WHERE series = $series AND method = $method
    AND if(
        repo_id = $repo_id,
        revision = $revision,
        (repo_id, revision, method) IN (SELECT (repo_id, revision, method) FROM latest)
    )
"""


@dataclass(frozen=True)
class Place:
    """A model's place by one metric: its rank, lowest first, and its robust z among the others."""

    metric: str
    value: float
    rank: int
    of: int
    z: float


def standing(
    store: Store, repo_id: str, revision: str, method: str, series: str
) -> tuple[Place, ...]:
    """A model's place in its series by every metric it has.

    Args:
        store: that has them.
        repo_id: of the model.
        revision: of the model; of the others the one committed last counts.
        method: by which all were measured.
        series: its name.
    """
    key = {"repo_id": repo_id, "revision": revision, "method": method, "series": series}
    rows = store.run(_SERIES, key).to_pandas()
    places = []
    for metric in SUMMARY_METRICS:
        told = rows[rows[metric].notna()]
        mine = ((told["repo_id"] == repo_id) & (told["revision"] == revision)).to_numpy()
        if not mine.any():
            continue
        values = told[metric].to_numpy(dtype=float)
        value = float(values[mine][0])
        rank = 1 + int((values < value).sum())
        places.append(Place(metric, value, rank, len(told), float(robust_z(values)[mine][0])))
    return tuple(places)
