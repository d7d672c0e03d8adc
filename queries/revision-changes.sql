-- How did a metric change from one revision of a model to the next that was scanned?
-- param metric: text = alpha  (a metric of `summaries`)
-- param repo_id: text = null  (only this model)
SELECT
    v.repo_id, v.method, v.metric,
    lag(v.revision) OVER revisions AS before_revision, v.revision,
    lag(v.value) OVER revisions AS before, v.value AS after,
    v.value - lag(v.value) OVER revisions AS change
FROM metric_values v
JOIN commits c USING (repo_id, revision, method)
LEFT JOIN models m USING (repo_id, revision)
WHERE v.metric = $metric AND ($repo_id IS NULL OR v.repo_id = $repo_id)
WINDOW revisions AS (
    PARTITION BY v.repo_id, v.method ORDER BY coalesce(m.modified, c.committed_at), c.committed_at
)
QUALIFY before_revision IS NOT NULL
ORDER BY abs(change) DESC, v.repo_id;
