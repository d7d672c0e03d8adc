-- What are a model's metric averages with and without its embeddings?
-- param series: text = null  (only models of this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: no model has an embedding with a fitted tail
SELECT
    l.repo_id,
    count(*) FILTER (WHERE l.kind IS DISTINCT FROM 'embedding') AS layers,
    count(*) FILTER (WHERE l.kind = 'embedding') AS embeddings,
    avg(l.alpha) FILTER (WHERE l.kind IS DISTINCT FROM 'embedding') AS alpha,
    avg(l.alpha) AS alpha_with,
    avg(l.alpha_weighted) FILTER (WHERE l.kind IS DISTINCT FROM 'embedding') AS alpha_weighted,
    avg(l.alpha_weighted) AS alpha_weighted_with,
    avg(l.log_norm) FILTER (WHERE l.kind IS DISTINCT FROM 'embedding') AS log_norm,
    avg(l.log_norm) AS log_norm_with,
    l.method, l.revision
FROM whole_layers l LEFT JOIN models m USING (repo_id, revision)
WHERE l.alpha IS NOT NULL
    AND NOT coalesce(contains(l.warning, 'degenerate-tail'), false)
    AND ($series IS NULL OR m.series = $series)
    AND ($method IS NULL OR starts_with(l.method, $method))
GROUP BY ALL
HAVING count(*) FILTER (WHERE l.kind = 'embedding') > 0
ORDER BY l.repo_id, l.revision, l.method;
