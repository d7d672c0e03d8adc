-- How well have predictions held that were made before an accuracy was reported?
-- Of several predictions of a model the last one before its report counts. `coverage` is the share of
-- reports inside their intervals, to be held against `level`; errors are in the accuracy's unit.
-- param dataset: text = null  (only on this data set)
-- param predictor: text = null  (only by this predictor)
WITH first_reports AS (
    SELECT repo_id, dataset, if(metric = 'top1', 'accuracy', metric) AS metric, min(retrieved_at) AS told_at
    FROM raw.accuracies GROUP BY ALL
), outcomes AS (
    SELECT p.*, a.value AS reported
    FROM predictions p
    LEFT JOIN first_reports f USING (repo_id, dataset, metric)
    LEFT JOIN raw.accuracy_by_kind a USING (repo_id, dataset, metric)
    WHERE (f.told_at IS NULL OR p.predicted_at < f.told_at)
        AND ($dataset IS NULL OR dataset = $dataset)
    QUALIFY row_number() OVER (
        PARTITION BY repo_id, dataset, metric, level ORDER BY predicted_at DESC, run_id
    ) = 1
)
SELECT
    dataset, metric, level, interval, predictor,
    count(reported) FILTER (predicted IS NOT NULL) AS reports,
    count(*) FILTER (reported BETWEEN low AND high) AS inside,
    inside / nullif(reports, 0) AS coverage,
    avg(abs(reported - predicted)) AS mean_error,
    sqrt(avg((reported - predicted) ** 2)) AS rmse,
    avg(high - low) AS mean_width,
    count(predicted) FILTER (reported IS NULL) AS not_reported_yet,
    count(*) FILTER (predicted IS NULL) AS abstained
FROM outcomes
WHERE $predictor IS NULL OR predictor = $predictor
GROUP BY ALL
ORDER BY dataset, metric, level, interval, predictor;
