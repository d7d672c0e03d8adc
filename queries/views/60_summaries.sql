-- One row a model under one method: how many layers were averaged, and the means over them.
-- Averaged are layers with a fit that are neither embeddings nor parts of a fused layer. Averages
-- that were imported without their layers are shown as they came, with 0 layers.
CREATE VIEW summaries AS
WITH means AS (
    SELECT
        repo_id, commit_id,
        count(*) AS layers,
        avg(log_norm) AS log_norm,
        avg(log_spectral_norm) AS log_spectral_norm,
        avg(alpha) AS alpha,
        avg(alpha_weighted) AS alpha_weighted,
        avg(log_alpha_norm) AS log_alpha_norm,
        avg(stable_rank) AS stable_rank,
        avg(mp_softrank) AS mp_softrank,
        count(warning) AS warnings
    FROM raw.layers
    WHERE alpha IS NOT NULL
        AND kind IS DISTINCT FROM 'embedding' AND part_of IS NULL
    GROUP BY ALL
)
SELECT
    p.repo_id, p.revision, p.method, m.series,
    coalesce(a.layers, 0) AS layers,
    coalesce(a.log_norm, g.log_norm) AS log_norm,
    coalesce(a.log_spectral_norm, g.log_spectral_norm) AS log_spectral_norm,
    coalesce(a.alpha, g.alpha) AS alpha,
    coalesce(a.alpha_weighted, g.alpha_weighted) AS alpha_weighted,
    coalesce(a.log_alpha_norm, g.log_alpha_norm) AS log_alpha_norm,
    coalesce(a.stable_rank, g.stable_rank) AS stable_rank,
    coalesce(a.mp_softrank, g.mp_softrank) AS mp_softrank,
    coalesce(a.warnings, 0) AS warnings
FROM raw.published p
LEFT JOIN means a USING (repo_id, commit_id)
LEFT JOIN raw.averages g ON g.commit_id = p.commit_id
LEFT JOIN models m ON m.repo_id = p.repo_id AND m.revision = p.revision;

-- The same in long form, for questions that take the metric's name as a parameter. Written out,
-- because a question about one metric then reads one column, where UNPIVOT would read them all.
CREATE VIEW metric_values AS
SELECT repo_id, revision, method, series, layers, 'log_norm' AS metric, log_norm AS value
FROM summaries WHERE log_norm IS NOT NULL
UNION ALL
SELECT repo_id, revision, method, series, layers, 'log_spectral_norm' AS metric, log_spectral_norm AS value
FROM summaries WHERE log_spectral_norm IS NOT NULL
UNION ALL
SELECT repo_id, revision, method, series, layers, 'alpha' AS metric, alpha AS value
FROM summaries WHERE alpha IS NOT NULL
UNION ALL
SELECT repo_id, revision, method, series, layers, 'alpha_weighted' AS metric, alpha_weighted AS value
FROM summaries WHERE alpha_weighted IS NOT NULL
UNION ALL
SELECT repo_id, revision, method, series, layers, 'log_alpha_norm' AS metric, log_alpha_norm AS value
FROM summaries WHERE log_alpha_norm IS NOT NULL
UNION ALL
SELECT repo_id, revision, method, series, layers, 'stable_rank' AS metric, stable_rank AS value
FROM summaries WHERE stable_rank IS NOT NULL
UNION ALL
SELECT repo_id, revision, method, series, layers, 'mp_softrank' AS metric, mp_softrank AS value
FROM summaries WHERE mp_softrank IS NOT NULL;
