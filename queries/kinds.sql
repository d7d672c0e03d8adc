-- Which kinds of layers are there, and how many of each are over- or under-trained?
-- Each model counts by its latest revision.
-- param series: text = null  (only models of this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: no model has layers: imported averages have none
SELECT
    l.kind, l.role,
    count(*) AS layers,
    count(l.alpha) AS fitted,
    avg(l.alpha) FILTER (WHERE NOT coalesce(contains(l.warning, 'degenerate-tail'), false)) AS alpha,
    count(*) FILTER (WHERE contains(l.warning, 'over-trained')) AS over_trained,
    count(*) FILTER (WHERE contains(l.warning, 'under-trained')) AS under_trained,
    l.method
FROM whole_layers l JOIN latest USING (repo_id, revision, method) LEFT JOIN models m USING (repo_id, revision)
WHERE ($series IS NULL OR m.series = $series)
    AND ($method IS NULL OR starts_with(l.method, $method))
GROUP BY ALL
ORDER BY l.method, layers DESC, l.kind, l.role;
