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

-- What was computed twice counts as it was computed last, by one method for all of a pair's measures.
CREATE VIEW lineage AS
FROM raw.lineage
QUALIFY row_number() OVER (
    PARTITION BY repo_id_a, revision_a, repo_id_b, revision_b, measure
    ORDER BY computed_at DESC, run_id
) = 1 AND method IS NOT DISTINCT FROM arg_max_null(method, computed_at) OVER (
    PARTITION BY repo_id_a, revision_a, repo_id_b, revision_b
);

-- What two models' rows of lineage amount to, with the numbers that it rests on beside it.
CREATE VIEW raw.kinship AS
SELECT k.* EXCLUDE (value, log10_p, p_holm), n.* EXCLUDE (repo_id_a, revision_a, repo_id_b, revision_b)
FROM main.lineage k
JOIN (
    SELECT repo_id_a, revision_a, repo_id_b, revision_b,
        max(value) FILTER (measure = 'units') AS units_in_place,
        max(log10_p) FILTER (measure = 'units') AS log10_p,
        max(p_holm) FILTER (measure = 'units') AS p_holm,
        max(value) FILTER (measure = 'spearman') AS spearman,
        max(log10_p) FILTER (measure = 'spearman') AS spearman_log10_p,
        max(value) FILTER (measure = 'aligned_cka') AS aligned_cka,
        max(value) FILTER (measure = 'distance') AS distance
    FROM main.lineage
    GROUP BY ALL
) n USING (repo_id_a, revision_a, repo_id_b, revision_b)
WHERE k.measure = 'kinship';

CREATE VIEW regressions AS FROM raw.regressions;

CREATE VIEW studies AS FROM raw.studies;
