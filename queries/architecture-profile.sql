-- How do alpha and lambda_max change over the depth of each architecture?
-- Depth is relative: 0 is a model's first matrix, 1 its last; `depth` is the middle of its bin.
-- `lambda_max` is the geometric mean.
-- param architecture: text = null  (only this one)
-- param method: text = null  (only numbers made by this method)
-- param bins: integer = 10  (of relative depth)
WITH placed AS (
    SELECT
        m.architecture, l.method, l.repo_id, l.revision, l.alpha, l.log_spectral_norm,
        l.alpha IS NOT NULL
            AND l.kind IS DISTINCT FROM 'embedding' AND l.part_of IS NULL AS counts,
        least(floor($bins * l.depth / greatest(max(l.depth) OVER (
            PARTITION BY l.repo_id, l.revision, l.method
        ), 1)), $bins - 1)::INTEGER AS bin
    FROM layers l JOIN models m USING (repo_id, revision)
    WHERE ($architecture IS NULL OR m.architecture = $architecture)
        AND ($method IS NULL OR l.method = $method)
)
SELECT
    architecture, method, (bin + 0.5) / $bins AS depth,
    count(DISTINCT (repo_id, revision)) AS models, count(*) AS layers,
    avg(alpha) AS alpha, median(alpha) AS median_alpha,
    10 ** avg(log_spectral_norm) AS lambda_max
FROM placed
WHERE counts
GROUP BY ALL
ORDER BY architecture, method, depth;
