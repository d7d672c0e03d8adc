-- Which scans were run when, by which method, and how did they go?
-- param limit: integer = 20  (rows)
SELECT
    scan_id, started_at, finished_at, method, scanned, skipped, failed, layers, seconds, versions
FROM scans
ORDER BY started_at DESC, scan_id
LIMIT $limit;
