-- Predictions beside what was reported afterwards; of several of one model the last one before its report.
CREATE VIEW forecasts AS
SELECT p.*, a.value AS reported
FROM predictions p
LEFT JOIN (
    SELECT repo_id, dataset, if(metric = 'top1', 'accuracy', metric) AS metric, min(retrieved_at) AS told_at
    FROM raw.accuracies GROUP BY ALL
) f USING (repo_id, dataset, metric)
LEFT JOIN raw.accuracy_by_kind a USING (repo_id, dataset, metric)
WHERE f.told_at IS NULL OR p.predicted_at < f.told_at
QUALIFY row_number() OVER (
    PARTITION BY repo_id, dataset, metric, level ORDER BY p.predicted_at DESC, p.run_id
) = 1;
