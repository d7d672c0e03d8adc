-- Which two models of one size does a metric order the other way round than their accuracy?
-- Within one series, or of models without a series one architecture; each by its latest revision, but for those
-- that look random. The lower value is called the better one, as by `leaderboard`.
-- param metric: text = alpha_weighted  (a metric of `summaries`)
-- param tolerance: number = 0.1  (largest difference in parameters, as a share of the larger)
-- param series: text = null  (only models of this series)
-- param dataset: text = null  (only accuracies on this data set)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param limit: count = 100  (rows)
-- empty: no two models of one series and size are ordered the other way round by the metric than by their accuracy
WITH points AS (
    SELECT
        a.dataset, a.metric AS accuracy_metric, v.method, v.repo_id, m.parameters,
        v.value AS x, a.value AS y, v.series, m.architecture
    FROM summary_values($metric, 'all') v
    JOIN latest USING (repo_id, revision, method)
    JOIN models m USING (repo_id, revision)
    JOIN accuracy a ON a.repo_id = v.repo_id
    WHERE v.value IS NOT NULL AND m.parameters > 0 AND NOT coalesce(v.looks_random, false)
        AND ($series IS NULL OR v.series = $series)
        AND ($dataset IS NULL OR a.dataset = $dataset)
        AND ($method IS NULL OR starts_with(v.method, $method))
)
SELECT
    p.repo_id AS better_by_metric, q.repo_id AS better_by_accuracy,
    p.x AS value, q.x AS value_of_other, p.y AS accuracy, q.y AS accuracy_of_other,
    p.parameters, q.parameters AS parameters_of_other, p.dataset, p.accuracy_metric, p.method
FROM points p JOIN points q USING (dataset, accuracy_metric, method)
WHERE p.x < q.x AND p.y < q.y
    AND p.series IS NOT DISTINCT FROM q.series AND coalesce(p.series = q.series, p.architecture = q.architecture)
    AND abs(p.parameters - q.parameters) <= $tolerance * greatest(p.parameters, q.parameters)
ORDER BY q.y - p.y DESC, p.repo_id, q.repo_id, p.dataset, p.accuracy_metric, p.method
LIMIT $limit;
