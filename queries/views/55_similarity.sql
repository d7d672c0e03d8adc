-- Likeness of whole models, seen from each of the two; what was computed twice counts once, as it was
-- computed last. A pair that cannot be compared under a measure is there with a null.
CREATE VIEW likeness AS
WITH whole AS (
    FROM raw.similarities
    WHERE layer_a IS NULL AND layer_b IS NULL
    QUALIFY row_number() OVER (
        PARTITION BY
            repo_id_a, revision_a, repo_id_b, revision_b, measure, probe, mode, neurons, selection
        ORDER BY computed_at DESC, run_id
    ) = 1
)
SELECT
    measure, probe, mode, neurons, selection, n_samples, computed_at,
    repo_id_a AS repo_id, revision_a AS revision, repo_id_b AS other, revision_b AS other_revision,
    value, value_ab AS value_to_other, value_ba AS value_from_other, p_value, calibrated, permutations
FROM whole
UNION ALL
SELECT
    measure, probe, mode, neurons, selection, n_samples, computed_at,
    repo_id_b, revision_b, repo_id_a, revision_a, value, value_ba, value_ab, p_value, calibrated,
    permutations
FROM whole;

-- The same of layers.
CREATE VIEW layer_likeness AS
WITH pairs AS (
    FROM raw.similarities
    WHERE layer_a IS NOT NULL AND layer_b IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY
            repo_id_a, revision_a, repo_id_b, revision_b, measure, probe, mode, neurons, selection,
            layer_a, layer_b
        ORDER BY computed_at DESC, run_id
    ) = 1
)
SELECT
    measure, probe, mode, neurons, selection, n_samples, computed_at,
    repo_id_a AS repo_id, revision_a AS revision, layer_a AS layer,
    repo_id_b AS other, revision_b AS other_revision, layer_b AS other_layer,
    value, value_ab AS value_to_other, value_ba AS value_from_other, p_value, calibrated, permutations
FROM pairs
UNION ALL
SELECT
    measure, probe, mode, neurons, selection, n_samples, computed_at,
    repo_id_b, revision_b, layer_b, repo_id_a, revision_a, layer_a, value, value_ba, value_ab,
    p_value, calibrated, permutations
FROM pairs;

-- Measures whose lower values mean more alike, as they declare it themselves.
CREATE VIEW raw.distances AS
SELECT unnest(distances()) AS measure;
