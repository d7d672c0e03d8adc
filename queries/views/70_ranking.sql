-- The revision of each model that counts where a model counts once: the one committed last.
CREATE VIEW latest AS
FROM commits
QUALIFY row_number() OVER (
    PARTITION BY repo_id, method ORDER BY committed_at DESC, revision DESC
) = 1;

-- Methods in the order in which they stand for a series that none is named for: the default one first,
-- then the one committed last; those of differences from a base and of blocks come after all others.
CREATE VIEW raw.method_order AS
SELECT
    m.series, c.method,
    row_number() OVER (
        PARTITION BY m.series
        ORDER BY raw.derived(c.method), NOT regexp_full_match(c.method, 'default(-[0-9a-f]{8})?'), max(c.committed_at) DESC, c.method
    ) AS method_order
FROM main.commits c LEFT JOIN main.models m USING (repo_id, revision)  -- not those of raw
GROUP BY m.series, c.method;

-- Who takes part in a ranking by a column of `summaries`, and how: each model once, by its latest
-- revision, under each method. Models that look random come last.
CREATE MACRO contenders(metric, quality) AS TABLE
SELECT v.* REPLACE (coalesce(v.looks_random, false) AS looks_random), o.method_order
FROM summary_values(metric, quality) v
JOIN latest USING (repo_id, revision, method)
JOIN raw.method_order o ON o.method = v.method AND o.series IS NOT DISTINCT FROM v.series;

-- The accuracies that sources call accuracy or top1, under one name.
CREATE VIEW raw.accuracy_by_kind AS
SELECT * REPLACE (if(metric = 'top1', 'accuracy', metric) AS metric)
FROM accuracy
QUALIFY row_number() OVER (
    PARTITION BY repo_id, dataset, if(metric = 'top1', 'accuracy', metric) ORDER BY metric
) = 1;
