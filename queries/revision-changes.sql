-- How did a metric change from one revision of a model to the next that was scanned?
-- Revisions are in the order of their last changes on the hub, or else of their scans, which need not be that in
-- which they were made: `in_order_of` says which.
-- param metric: text = alpha  (a metric of `summaries`)
-- param repo_id: text = null  (only this model: its repo_id, or its last part)
-- empty: the store holds no model at two revisions; scan another one: zoo scan OWNER/NAME@REVISION
SELECT
    v.repo_id, $metric AS metric,
    lag(v.value) OVER revisions AS before, v.value AS after,
    v.value - lag(v.value) OVER revisions AS change,
    if(m.modified IS NULL OR lag(m.modified) OVER revisions IS NULL, 'scans', 'last changes') AS in_order_of,
    v.method, lag(v.revision) OVER revisions AS before_revision, v.revision
FROM summary_values($metric, 'all') v
JOIN commits c USING (repo_id, revision, method)
LEFT JOIN models m USING (repo_id, revision)
WHERE v.value IS NOT NULL
    AND ($repo_id IS NULL OR v.repo_id = $repo_id OR split_part(v.repo_id, '/', -1) = $repo_id)
WINDOW revisions AS (
    PARTITION BY v.repo_id, v.method ORDER BY coalesce(m.modified, c.committed_at), c.committed_at
)
QUALIFY before_revision IS NOT NULL
ORDER BY abs(change) DESC, v.repo_id;
