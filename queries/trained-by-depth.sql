-- Which kinds of layers, at which depth, are most often under- or over-trained?
-- Depth is relative: 0 is a model's first matrix, 1 its last; `depth` is the middle of its bin.
-- Each model counts by its latest revision.
-- param series: text = null  (only models of this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param bins: count = 4  (of relative depth)
-- empty: no layer of the store's models is fitted
WITH placed AS (
    SELECT
        l.method, l.kind, l.alpha, l.warning,
        least(floor($bins * l.depth / greatest(max(l.depth) OVER (
            PARTITION BY l.repo_id, l.revision, l.method
        ), 1)), $bins - 1)::INTEGER AS bin
    FROM whole_layers l JOIN latest USING (repo_id, revision, method) LEFT JOIN models m USING (repo_id, revision)
    WHERE ($series IS NULL OR m.series = $series)
        AND ($method IS NULL OR starts_with(l.method, $method))
)
SELECT
    kind, (bin + 0.5) / $bins AS depth,
    count(alpha) AS fitted,
    count(*) FILTER (WHERE contains(warning, 'over-trained')) AS over_trained,
    count(*) FILTER (WHERE contains(warning, 'under-trained')) AS under_trained,
    (over_trained + under_trained) / fitted AS share,
    method
FROM placed
GROUP BY ALL
HAVING count(alpha) > 0
ORDER BY method, share DESC, fitted DESC, kind, depth;
