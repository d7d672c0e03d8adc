-- Which new models lie off the regression line of accuracy on a metric through the rest of their series?
-- Each model counts by its latest revision. `studentized` is the residual in units of its standard error, which
-- follows Student's t of n - 2 degrees of freedom where nothing is unusual: beyond 12.7 of three models, 2.4 of eight,
-- in one of twenty.
-- param metric: text = alpha_weighted  (a metric of `summaries`)
-- param days: count = 30  (released to a watch within so many days)
-- param dataset: text = null  (accuracies on this data set)
-- empty: no release of the last days has metric and accuracy, and three other models of its series beside it
WITH points AS (
    SELECT
        v.repo_id, v.revision, v.method, v.series, v.value, a.dataset, a.value AS accuracy,
        EXISTS (
            FROM releases r
            WHERE r.repo_id = v.repo_id AND r.revision = v.revision
                AND r.event IN ('new', 'revision')
                AND r.seen_at >= now() - to_days($days::INTEGER)
        ) AS is_new
    FROM summary_values($metric, 'all') v
    JOIN latest USING (repo_id, revision, method)
    JOIN accuracy a ON a.repo_id = v.repo_id AND a.metric = 'accuracy'
    WHERE v.value IS NOT NULL AND ($dataset IS NULL OR a.dataset = $dataset)
), lines AS (
    SELECT
        series, method, dataset, count(*) AS n, avg(value) AS mean, regr_sxx(accuracy, value) AS sxx,
        regr_slope(accuracy, value) AS slope, regr_intercept(accuracy, value) AS intercept,
        regr_syy(accuracy, value) AS syy, syy - regr_sxy(accuracy, value) ** 2 / sxx AS unexplained
    FROM points WHERE NOT is_new
    GROUP BY ALL HAVING count(*) >= 3
)
SELECT
    p.repo_id, p.series, p.value, p.accuracy,
    l.intercept + l.slope * p.value AS expected,
    p.accuracy - (l.intercept + l.slope * p.value) AS residual,
    CASE WHEN l.unexplained > 1e-12 * l.syy  -- the rest is rounding
        THEN residual / sqrt(l.unexplained / (l.n - 2) * (1 + 1 / l.n + (p.value - l.mean) ** 2 / l.sxx)) END AS studentized,
    l.n,
    p.dataset, p.method, p.revision
FROM points p JOIN lines l USING (series, method, dataset)
WHERE p.is_new
ORDER BY abs(residual) DESC, p.repo_id;
