"""A check that the tables agree with each other and with the spectra they come from."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from zoo_analysis.store.live.orphans import orphans
from zoo_analysis.store.records import table_of
from zoo_analysis.store.schemas import TABLES
from zoo_analysis.store.store import Store
from zoo_analysis.store.tables import load, local_files

#: λ_max and log Σλ are computed from the stored eigenvalues: they agree to rounding.
_TOLERANCE = 1e-6

# Metrics of sliced convolutions are means over slices, which the pooled spectrum does not give.
_SLICED = (
    "(l.rf > 1 AND (l.method LIKE '%conv2d=slices%' "
    "OR l.method LIKE 'nature2021%' AND l.method NOT LIKE '%conv2d=%'))"
)
_WHOSE = "{0}.repo_id, {0}.revision, {0}.method"

_CHECKS = {
    "a published model has no row in models": f"""
        SELECT {_WHOSE.format("p")}, NULL AS layer, NULL AS detail
        FROM raw.published p ANTI JOIN raw.models m USING (commit_id)""",
    "a published model has neither layers nor averages": f"""
        SELECT {_WHOSE.format("p")}, NULL AS layer, NULL AS detail
        FROM raw.published p ANTI JOIN (
            SELECT commit_id FROM raw.layers UNION ALL SELECT commit_id FROM raw.averages
        ) USING (commit_id)""",
    "a layer is there twice": f"""
        SELECT {_WHOSE.format("l")}, l.layer, count(*) || ' rows' AS detail
        FROM raw.layers l JOIN raw.published p USING (commit_id)
        GROUP BY l.commit_id, {_WHOSE.format("l")}, l.layer HAVING count(*) > 1""",
    "a layer has numbers and no spectrum": f"""
        SELECT {_WHOSE.format("l")}, l.layer, NULL AS detail
        FROM raw.layers l JOIN raw.published p USING (commit_id)
        ANTI JOIN raw.esds e ON e.commit_id = l.commit_id AND e.layer = l.layer
        WHERE l.lambda_max IS NOT NULL AND l.method NOT LIKE 'imported:%'""",
    "a spectrum is of no layer": f"""
        SELECT {_WHOSE.format("e")}, e.layer, NULL AS detail
        FROM raw.esds e JOIN raw.published p USING (commit_id)
        ANTI JOIN raw.layers l ON e.commit_id = l.commit_id AND e.layer = l.layer""",
    "the books do not balance": f"""
        SELECT {_WHOSE.format("p")}, NULL AS layer,
            printf('%d of %d measured, %d left out', m.parameters_measured, m.parameters_total,
                coalesce(l.elements, 0)) AS detail
        FROM raw.published p JOIN raw.models m USING (commit_id) LEFT JOIN (
            SELECT commit_id, sum(elements)::BIGINT AS elements FROM raw.left_out GROUP BY ALL
        ) l USING (commit_id)
        WHERE m.parameters_total <> m.parameters_measured + coalesce(l.elements, 0)""",
    "λ_max is not the spectrum's": f"""
        SELECT {_WHOSE.format("l")}, l.layer,
            printf('%.9g, spectrum %.9g', l.lambda_max, list_max(e.eigenvalues)) AS detail
        FROM raw.layers l JOIN raw.published p USING (commit_id)
        JOIN raw.esds e ON e.commit_id = l.commit_id AND e.layer = l.layer
        WHERE NOT {_SLICED} AND l.lambda_max IS NOT NULL
            AND NOT abs(list_max(e.eigenvalues) - l.lambda_max) <= {_TOLERANCE} * l.lambda_max""",
    "log_norm is not log Σλ of the spectrum": f"""
        SELECT {_WHOSE.format("l")}, l.layer,
            printf('%.9g, spectrum %.9g', l.log_norm, log10(list_sum(e.eigenvalues))) AS detail
        FROM raw.layers l JOIN raw.published p USING (commit_id)
        JOIN raw.esds e ON e.commit_id = l.commit_id AND e.layer = l.layer
        WHERE NOT {_SLICED} AND l.log_norm IS NOT NULL
            AND NOT abs(log10(list_sum(e.eigenvalues)) - l.log_norm) <= {_TOLERANCE}""",
}

_COUNTS = """
SELECT (SELECT count(*) FROM raw.published) AS models, (SELECT count(*) FROM layers) AS layers,
    (SELECT count(*) FROM esds) AS spectra
"""


@dataclass(frozen=True)
class Inconsistency:
    """Something that does not agree; whose it is, where that can be said."""

    problem: str
    repo_id: str | None = None
    revision: str | None = None
    method: str | None = None
    layer: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Checked:
    """Outcome of a check: how much was looked at, and what does not agree.

    Attributes:
        models: published, under each method.
        layers: of them.
        spectra: of them.
        unpublished: models that an interrupted commit left behind; no view shows them.
        problems: as found.
    """

    models: int
    layers: int
    spectra: int
    unpublished: int
    problems: tuple[Inconsistency, ...]

    def table(self) -> pa.Table:
        """The problems as a table."""
        return table_of(Inconsistency, self.problems)


def check(store: Store, limit: int = 1000) -> Checked:
    """Look for models without layers, layers without spectra, and numbers that do not agree.

    Args:
        store: to check.
        limit: of problems of each kind.

    Raises:
        StoreError: there is no store here, or it cannot be read.
    """
    missing = _missing_files(store)
    if missing:
        return Checked(0, 0, 0, 0, tuple(missing[:limit]))
    problems = [
        Inconsistency(problem, **row)
        for problem, sql in _CHECKS.items()
        for row in store.run(f"{sql} ORDER BY ALL LIMIT $limit", {"limit": limit}).to_pylist()
    ]
    counts = store.run(_COUNTS).to_pylist()[0]
    return Checked(**counts, unpublished=len(orphans(store.location)), problems=tuple(problems))


def _missing_files(store: Store) -> list[Inconsistency]:
    """Data files that the log names and the disk does not have."""
    missing = []
    for name in TABLES if store.location.path is not None else ():
        table = load(store.location, name)
        files = local_files(table) if table is not None else []
        missing += [
            Inconsistency("a data file is missing", detail=f"{name}: {Path(file).name}")
            for file in files
            if not Path(file).exists()
        ]
    return missing
