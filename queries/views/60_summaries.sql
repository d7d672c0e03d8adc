-- A line with a metric in braces stands for one such line for each averaged metric.

-- Averages over the layers of a view: means, medians, and means weighted by the number of eigenvalues
-- in the fitted tails; standard deviation of alpha, and its slope from one layer to the next.
CREATE MACRO raw.averaged(chosen) AS TABLE
SELECT
    repo_id, commit_id,
    count(*) AS layers,
    avg({metric}) AS {metric},
    median({metric}) AS {metric}_median,
    sum({metric} * num_pl_spikes) / sum(num_pl_spikes) FILTER ({metric} IS NOT NULL) AS {metric}_by_tail,
    stddev_samp(alpha) AS alpha_sd,
    regr_slope(alpha, depth) AS alpha_slope,
    count(warning) AS warnings
FROM query_table(chosen)
GROUP BY ALL;

-- One row a model under one method: how many layers were averaged, and the averages over them. Means
-- that were imported without their layers are shown as they came, with 0 layers, if asked for.
-- `random_like` is a share of `judged` layers: of those of the network whose spectrum can be judged, with
-- or without a fit. A model looks random where 95 % Wilson's interval of the share lies above one half.
CREATE MACRO raw.summarised(chosen, imported) AS TABLE
WITH spectra AS (
    SELECT repo_id, commit_id, avg(random_like) AS random_like, count(random_like) AS judged
    FROM raw.network_layers
    GROUP BY ALL
)
SELECT
    p.repo_id, p.revision, p.method, m.series,
    coalesce(a.layers, 0) AS layers,
    coalesce(a.{metric}, if(imported, g.{metric}, NULL)) AS {metric},
    coalesce(a.warnings, 0) AS warnings,
    a.{metric}_median,
    a.{metric}_by_tail,
    a.alpha_sd,
    a.alpha_slope * m.depth AS alpha_slope,
    s.random_like, coalesce(s.judged, 0) AS judged,
    s.random_like + z.z2 / 2 / s.judged
        - sqrt(z.z2 / s.judged * (s.random_like * (1 - s.random_like) + z.z2 / 4 / s.judged))
        > (1 + z.z2 / s.judged) / 2 AS looks_random
FROM raw.published p
LEFT JOIN raw.averaged(chosen) a USING (repo_id, commit_id)
LEFT JOIN raw.averages g ON g.commit_id = p.commit_id
LEFT JOIN spectra s USING (repo_id, commit_id)
LEFT JOIN main.models m ON m.repo_id = p.repo_id AND m.revision = p.revision
CROSS JOIN (SELECT 1.959964 ** 2 AS z2) z;

CREATE VIEW summaries AS FROM raw.summarised('raw.averaged_layers', true);

-- The same over the layers whose tails are clear; null for models that have none, and for averages that
-- were imported, of which nobody can tell.
CREATE VIEW clear_summaries AS FROM raw.summarised('raw.clear_layers', false);

-- The means in long form. It reads the columns of all metrics; `summary_values` reads that of one.
CREATE VIEW metric_values AS
SELECT repo_id, revision, method, series, layers, metric, value
FROM (
    SELECT
        {metric},
        repo_id, revision, method, series, layers
    FROM summaries
)
UNPIVOT (value FOR metric IN (COLUMNS(* EXCLUDE (repo_id, revision, method, series, layers))));

-- One column of `summaries` by its name, null where none is called so; `quality` says over which layers.
CREATE MACRO summary_values(metric, quality) AS TABLE
SELECT
    repo_id, revision, method, series, layers, random_like, looks_random,
    CASE metric
        WHEN '{metric}' THEN {metric}
        WHEN '{metric}_median' THEN {metric}_median
        WHEN '{metric}_by_tail' THEN {metric}_by_tail
        WHEN 'alpha_sd' THEN alpha_sd
        WHEN 'alpha_slope' THEN alpha_slope
        WHEN 'random_like' THEN random_like
    END AS value
FROM (
    SELECT 'all' AS averaged, * FROM summaries
    UNION ALL SELECT 'clear', * FROM clear_summaries
)
WHERE averaged = quality;
