-- What did each model cost to scan?
-- `seconds` are of computing, summed over layers, wherever they ran.
-- param series: text = null  (only models of this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param limit: count = 100  (rows)
-- empty: no layer was timed: imported ones are not
SELECT
    l.repo_id, m.parameters,
    count(*) AS layers, sum(l.seconds) AS seconds,
    arg_max(l.layer, l.seconds) AS slowest_layer, max(l.seconds) AS slowest_seconds,
    sum(l.seconds) / nullif(any_value(m.parameters) / 1e6, 0) AS seconds_per_million_parameters,
    l.method, l.revision
FROM layers l LEFT JOIN models m USING (repo_id, revision)
WHERE l.seconds IS NOT NULL
    AND ($series IS NULL OR m.series = $series)
    AND ($method IS NULL OR starts_with(l.method, $method))
GROUP BY ALL
ORDER BY seconds DESC, l.repo_id, l.revision, l.method
LIMIT $limit;
