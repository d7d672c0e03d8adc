-- Which models lie furthest from the regression line of their series?
-- `studentized` is the residual in units of its own standard error (internally studentized): of n models
-- at most √(n - 2), which is 2 of six.
-- param metric: text = alpha_weighted  (a metric of `summaries`)
-- param series: text = null  (only this series)
-- param dataset: text = null  (only accuracies on this data set)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param above: number = 2  (of |studentized|; 0 shows every model)
-- empty: no three models of a series have both metric and accuracy, or none lies so far off its line (-p above=0 shows all)
WITH points AS (
    SELECT
        v.series, a.dataset, a.metric AS accuracy_metric, v.method, v.repo_id, v.revision,
        v.value AS x, a.value AS y
    FROM summary_values($metric, 'all') v
    JOIN latest USING (repo_id, revision, method)
    JOIN accuracy a USING (repo_id)
    WHERE v.value IS NOT NULL
        AND ($series IS NULL OR v.series = $series)
        AND ($dataset IS NULL OR a.dataset = $dataset)
        AND ($method IS NULL OR starts_with(v.method, $method))
), lines AS (
    SELECT
        series, dataset, accuracy_metric, method, count(*) AS n, avg(x) AS mean,
        regr_slope(y, x) AS slope, regr_intercept(y, x) AS intercept, regr_sxx(y, x) AS sxx,
        regr_syy(y, x) - regr_sxy(y, x) ** 2 / regr_sxx(y, x) AS unexplained
    FROM points
    GROUP BY ALL
    HAVING count(*) > 2 AND regr_sxx(y, x) > 0
), judged AS (
    SELECT
        p.*, l.n, l.intercept + l.slope * p.x AS predicted,
        1 - 1 / l.n - (p.x - l.mean) ** 2 / l.sxx AS free, l.unexplained / (l.n - 2) AS variance
    FROM points p
    JOIN lines l ON l.series IS NOT DISTINCT FROM p.series AND l.dataset = p.dataset
        AND l.accuracy_metric = p.accuracy_metric AND l.method = p.method
)
SELECT
    repo_id, series, x AS value, y AS accuracy, predicted, y - predicted AS residual,
    CASE WHEN variance > 0 AND free > 1e-9
        THEN (y - predicted) / sqrt(variance * free) END AS studentized,
    n, dataset, accuracy_metric, method, revision
FROM judged
WHERE coalesce(abs(studentized) >= $above, $above = 0)
ORDER BY abs(studentized) DESC NULLS LAST, repo_id, dataset, accuracy_metric, method;
