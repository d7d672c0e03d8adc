"""Tasks of a comparison of lineages, on a worker of Ray. What fails comes back as a `Failure`."""

from collections.abc import Sequence
from typing import Any

import ray

from zoo_analysis.cluster.comparing.lineage_reading import read_within
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint, fingerprint
from zoo_analysis.pairwise.lineage.relatives import compared_rows
from zoo_analysis.sources import ModelRef
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow


@ray.remote(num_cpus=1, num_returns=2)
def read_model(
    ref: ModelRef, access: HubAccess | None, limits: Limits
) -> tuple[tuple[int, str] | Failure, Fingerprint | None]:
    """A model's fingerprint, which stays in Ray's memory; first its layers, and what it leaves out.

    Lost with its node, it is made again by running this once more.
    """
    found = read_within(fingerprint, ref, access, limits)
    if isinstance(found, Failure):
        return found, None
    return (found.layers, found.remark), found


@ray.remote(num_cpus=1)
def compare_fingerprints(
    pairs: Sequence[tuple[int, int]], refs: Sequence[ModelRef], *prints_and_limits: Any
) -> list[list[KinshipRow] | Failure]:
    """Rows of pairs, as `compared_rows` has them.

    Args:
        pairs: of places among the models.
        refs: the models.
        prints_and_limits: their fingerprints; then the limits of the task.
    """
    *prints, limits = prints_and_limits
    out: list[list[KinshipRow] | Failure] = []
    with one_thread():
        for i, j in pairs:
            try:
                with bounded(limits):
                    out.append(compared_rows(refs[i], refs[j], prints[i], prints[j]))
            except (Exception, LimitError) as error:
                out.append(failure(refs[i], "lineage", error).about(f"with {refs[j].repo_id}"))
    return out
