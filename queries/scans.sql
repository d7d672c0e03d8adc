-- Which scans were run when, by which method, and how did they go?
-- A run that lives is heard of every five minutes; one that says it is running and has not been heard
-- of for a quarter of an hour is `silent`: `zoo status` looks closer.
-- param limit: count = 20  (rows)
-- empty: nothing has been scanned; scan a model: zoo scan SOURCE
SELECT
    scan_id,
    CASE
        WHEN state = 'running' AND heartbeat_at < now() - INTERVAL 15 MINUTE THEN 'silent'
        ELSE state
    END AS state,
    models, scanned, skipped, failed, layers, seconds, started_at, finished_at, heartbeat_at, host,
    method, versions
FROM scans
ORDER BY started_at DESC, scan_id
LIMIT $limit;
