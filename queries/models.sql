-- What has been scanned: models with their series, size, averages and warnings?
-- param series: text = null  (only this series)
-- param limit: count = 1000  (rows)
-- empty: nothing has been scanned; scan a model: zoo scan SOURCE
SELECT
    m.repo_id, m.series, m.parameters, s.layers AS averaged_layers, s.random_like, s.warnings, s.alpha,
    s.alpha_weighted, s.log_norm, m.architecture, m.library, m.bytes, s.method, m.revision
FROM models m LEFT JOIN summaries s USING (repo_id, revision)
WHERE $series IS NULL OR m.series = $series
ORDER BY m.series, m.repo_id, m.revision, s.method
LIMIT $limit;
