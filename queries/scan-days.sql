-- What has been scanned when, by which method?
-- One row a day (UTC) and method; imported tables count as scanned on the day of their import.
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param since: time = null  (only from this time on)
-- empty: nothing has been scanned; scan a model: zoo scan SOURCE
SELECT
    date_trunc('day', c.committed_at)::DATE AS day,
    count(*) AS models, count(DISTINCT m.series) AS series, sum(s.layers) AS averaged_layers,
    count(DISTINCT c.scan_id) AS scans,
    c.method
FROM commits c
JOIN summaries s USING (repo_id, revision, method)
LEFT JOIN models m ON m.repo_id = c.repo_id AND m.revision = c.revision
WHERE ($method IS NULL OR starts_with(c.method, $method))
    AND ($since IS NULL OR c.committed_at >= $since)
GROUP BY ALL
ORDER BY day DESC, c.method;
