-- How do alpha and lambda_max change over the depth of each architecture?
-- Depth is relative: 0 is a model's first matrix, 1 its last; `depth` is the middle of its bin.
-- `lambda_max` is the geometric mean. Each model counts by its latest revision.
-- param architecture: text = null  (only this one)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param bins: count = 10  (of relative depth)
-- empty: no layer of the store's models is fitted and counted in averages
WITH whole AS (
    SELECT repo_id, revision, method, greatest(max(depth), 1) AS last
    FROM layers
    GROUP BY ALL
), placed AS (
    SELECT
        m.architecture, l.method, l.repo_id, l.revision, l.alpha, l.log_spectral_norm,
        least(floor($bins * l.depth / w.last), $bins - 1)::INTEGER AS bin
    FROM averaged_layers l
    JOIN latest USING (repo_id, revision, method)
    JOIN whole w USING (repo_id, revision, method)
    JOIN models m USING (repo_id, revision)
    WHERE ($architecture IS NULL OR m.architecture = $architecture)
        AND ($method IS NULL OR starts_with(l.method, $method))
)
SELECT
    architecture, (bin + 0.5) / $bins AS depth,
    count(DISTINCT (repo_id, revision)) AS models, count(*) AS layers,
    avg(alpha) AS alpha, median(alpha) AS median_alpha,
    10 ** avg(log_spectral_norm) AS lambda_max,
    method
FROM placed
GROUP BY ALL
ORDER BY architecture, method, depth;
