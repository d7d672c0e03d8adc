-- Tables of events, where writing the same thing twice must not count twice.
CREATE VIEW releases AS
FROM raw.releases
QUALIFY row_number() OVER (
    PARTITION BY watch, repo_id, revision, event ORDER BY seen_at
) = 1;

-- A run has a row from its beginning, one now and then while it lives, and one at its end.
CREATE VIEW scans AS
SELECT * REPLACE (coalesce(state, 'finished') AS state)
FROM raw.scans
QUALIFY row_number() OVER (
    PARTITION BY scan_id
    ORDER BY finished_at DESC NULLS LAST, heartbeat_at DESC NULLS LAST, started_at DESC
) = 1;

CREATE VIEW failures AS FROM raw.failures;

CREATE VIEW rates AS FROM raw.rates;

CREATE VIEW similarities AS FROM raw.similarities;

-- What was computed twice counts as it was computed last.
CREATE VIEW lineage AS
FROM raw.lineage
QUALIFY row_number() OVER (
    PARTITION BY repo_id_a, revision_a, repo_id_b, revision_b, measure
    ORDER BY computed_at DESC, run_id
) = 1;

-- What two models' rows of lineage amount to, with the numbers that it rests on beside it.
CREATE VIEW raw.kinship AS
SELECT k.* EXCLUDE (value, log10_p, p_holm), u.value AS units_in_place, u.log10_p, u.p_holm,
    s.value AS spearman, s.log10_p AS spearman_log10_p, c.value AS aligned_cka, d.value AS distance
FROM main.lineage k
LEFT JOIN main.lineage u ON u.measure = 'units'
    AND (u.repo_id_a, u.revision_a, u.repo_id_b, u.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
LEFT JOIN main.lineage s ON s.measure = 'spearman'
    AND (s.repo_id_a, s.revision_a, s.repo_id_b, s.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
LEFT JOIN main.lineage c ON c.measure = 'aligned_cka'
    AND (c.repo_id_a, c.revision_a, c.repo_id_b, c.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
LEFT JOIN main.lineage d ON d.measure = 'distance'
    AND (d.repo_id_a, d.revision_a, d.repo_id_b, d.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
WHERE k.measure = 'kinship';

CREATE VIEW regressions AS FROM raw.regressions;

CREATE VIEW studies AS FROM raw.studies;
