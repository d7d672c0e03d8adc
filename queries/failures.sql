-- What could not be scanned, why, and has it been scanned since?
-- param stage: text = null  (only failures in this stage)
-- param limit: count = 100  (rows)
-- empty: no scan had a failure
SELECT
    f.repo_id, f.error, f.message, f.stage, f.failed_at, f.attempts,
    EXISTS (
        FROM commits c WHERE c.repo_id = f.repo_id AND c.committed_at > f.failed_at
    ) AS scanned_since,
    f.revision, f.scan_id
FROM failures f
WHERE $stage IS NULL OR f.stage = $stage
ORDER BY f.failed_at DESC, f.repo_id
LIMIT $limit;
