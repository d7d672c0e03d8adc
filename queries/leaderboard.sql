-- Which models does a quality metric rank first, and what accuracy is reported for them?
-- Lower is better for the norms and for alpha and its relatives.
-- param metric: text = alpha_weighted  (a metric of `summaries`)
-- param series: text = null  (only this series)
-- param dataset: text = null  (accuracies on this data set; else accuracy or top1 on any)
-- param method: text = null  (only numbers made by this method)
-- param limit: integer = 20  (rows)
SELECT
    v.repo_id, v.revision, v.method, v.series, v.layers, v.metric, v.value,
    a.dataset, a.metric AS accuracy_metric, a.value AS accuracy
FROM metric_values v
LEFT JOIN accuracy a ON a.repo_id = v.repo_id AND ($dataset IS NULL OR a.dataset = $dataset)
WHERE v.metric = $metric
    AND ($series IS NULL OR v.series = $series)
    AND ($method IS NULL OR v.method = $method)
QUALIFY row_number() OVER (
    PARTITION BY v.repo_id, v.revision, v.method
    ORDER BY list_position(['accuracy', 'top1'], a.metric) NULLS LAST, a.dataset, a.metric
) = 1
ORDER BY v.value, v.repo_id, v.revision, v.method
LIMIT $limit;
