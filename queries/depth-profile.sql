-- How do alpha and the spectral norm change over the depth of a network, series by series?
-- Depth is relative: 0 is a model's first matrix, 1 its last; `depth` is the middle of its bin.
-- param series: text = null  (only this series)
-- param method: text = null  (only numbers made by this method)
-- param bins: integer = 10  (of relative depth)
WITH scanned AS (
    SELECT commit_id, max(depth) AS last FROM raw.layers GROUP BY commit_id
), profiled AS (
    SELECT
        m.series, p.method, p.commit_id,
        least(floor($bins * l.depth / greatest(s.last, 1)), $bins - 1)::INTEGER AS bin,
        l.alpha, l.log_spectral_norm
    FROM raw.layers l
    JOIN raw.published p USING (commit_id)
    JOIN raw.models m USING (commit_id)
    JOIN scanned s USING (commit_id)
    WHERE l.status = 'success' AND l.alpha IS NOT NULL
        AND l.kind IS DISTINCT FROM 'embedding' AND l.part_of IS NULL
        AND ($series IS NULL OR m.series = $series)
        AND ($method IS NULL OR p.method = $method)
)
SELECT
    series, method, (bin + 0.5) / $bins AS depth,
    count(DISTINCT commit_id) AS models, count(*) AS layers,
    avg(alpha) AS alpha, median(alpha) AS median_alpha, avg(log_spectral_norm) AS log_spectral_norm
FROM profiled
GROUP BY ALL
ORDER BY series, method, depth;
