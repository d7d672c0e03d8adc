-- Which metric values and reported accuracies go together, model by model?
-- The rows that a regression is made of: one a model (by its latest revision), metric, data set, accuracy
-- and method.
-- param metric: text = null  (only this metric of `summaries`)
-- param dataset: text = null  (only accuracies on this data set)
-- param accuracy: text = null  (only this kind of accuracy: accuracy, top5, …)
-- param series: text = null  (only this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: no model has both averages and a reported accuracy; sync some: zoo accuracies sync
SELECT
    v.repo_id, v.series, v.metric, v.value, a.value AS accuracy, a.dataset,
    a.metric AS accuracy_metric, a.source, v.layers AS averaged_layers, v.method, v.revision
FROM metric_values v JOIN latest USING (repo_id, revision, method) JOIN accuracy a USING (repo_id)
WHERE ($metric IS NULL OR v.metric = $metric)
    AND ($dataset IS NULL OR a.dataset = $dataset)
    AND ($accuracy IS NULL OR a.metric = $accuracy)
    AND ($series IS NULL OR v.series = $series)
    AND ($method IS NULL OR starts_with(v.method, $method))
ORDER BY v.series, a.dataset, a.metric, v.metric, v.method, v.repo_id, v.revision;
