-- Why do scans fail, and how often?
-- `scanned_since` counts the models that were scanned after they had failed.
-- param stage: text = null  (only failures in this stage)
-- empty: no scan had a failure
SELECT
    f.stage, f.error,
    count(*) AS failures, count(DISTINCT f.repo_id) AS models, sum(f.attempts) AS attempts,
    count(DISTINCT f.repo_id) FILTER (WHERE c.latest > f.failed_at) AS scanned_since,
    max(f.failed_at) AS latest, arg_max(f.message, f.failed_at) AS latest_message
FROM failures f
LEFT JOIN (
    SELECT repo_id, max(committed_at) AS latest FROM commits GROUP BY repo_id
) c USING (repo_id)
WHERE $stage IS NULL OR f.stage = $stage
GROUP BY ALL
ORDER BY models DESC, f.stage, f.error;
