-- A line with a metric in braces stands for one such line for each averaged metric.

-- One row a model under one method: how many layers were averaged, and the means over them. Averages
-- that were imported without their layers are shown as they came, with 0 layers. `random_like` is a share
-- of `judged` layers: of those of the network whose spectrum can be judged, with or without a fit. A model
-- looks random where 95 % Wilson's interval of the share lies above one half.
CREATE VIEW summaries AS
WITH spectra AS (
    SELECT repo_id, commit_id, avg(random_like) AS random_like, count(random_like) AS judged
    FROM raw.network_layers
    GROUP BY ALL
), means AS (
    SELECT
        repo_id, commit_id,
        count(*) AS layers,
        avg({metric}) AS {metric},
        count(warning) AS warnings
    FROM raw.averaged_layers
    GROUP BY ALL
)
SELECT
    p.repo_id, p.revision, p.method, m.series,
    coalesce(a.layers, 0) AS layers,
    coalesce(a.{metric}, g.{metric}) AS {metric},
    coalesce(a.warnings, 0) AS warnings,
    s.random_like, coalesce(s.judged, 0) AS judged,
    s.random_like + z.z2 / 2 / s.judged
        - sqrt(z.z2 / s.judged * (s.random_like * (1 - s.random_like) + z.z2 / 4 / s.judged))
        > (1 + z.z2 / s.judged) / 2 AS looks_random
FROM raw.published p
LEFT JOIN spectra s USING (repo_id, commit_id)
LEFT JOIN means a USING (repo_id, commit_id)
LEFT JOIN raw.averages g ON g.commit_id = p.commit_id
LEFT JOIN models m ON m.repo_id = p.repo_id AND m.revision = p.revision
CROSS JOIN (SELECT 1.959964 ** 2 AS z2) z;

-- The same in long form, for questions that take the metric's name as a parameter. Written out,
-- because a question about one metric then reads one column, where UNPIVOT would read them all.
CREATE VIEW metric_values AS
SELECT repo_id, revision, method, series, layers, NULL::VARCHAR AS metric, NULL::DOUBLE AS value
FROM summaries WHERE false
UNION ALL SELECT repo_id, revision, method, series, layers, '{metric}', {metric} FROM summaries WHERE {metric} IS NOT NULL
;
