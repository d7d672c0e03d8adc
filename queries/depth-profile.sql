-- How do alpha and the spectral norm change over the depth of a network, series by series?
-- Depth is relative: 0 is a model's first matrix, 1 its last; `depth` is the middle of its bin.
-- Each model counts by its latest revision.
-- param series: text = null  (only this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param bins: count = 10  (of relative depth)
-- empty: no layer of the store's models is fitted and counted in averages
-- One join per layer and whole numbers as keys, for this reads every layer of the store.
WITH untold AS (  -- models written before `models` told their depth
    SELECT commit_id, max(l.depth) AS last
    FROM raw.layers l JOIN raw.models m USING (commit_id)
    WHERE m.depth IS NULL
    GROUP BY commit_id
), named AS MATERIALIZED (
    SELECT
        p.commit_id, coalesce(s.series, m.series) AS series, p.method, greatest(m.depth, u.last, 1)::DOUBLE AS last,
        dense_rank() OVER (ORDER BY coalesce(s.series, m.series), p.method)::INTEGER AS place
    FROM raw.published p JOIN latest USING (repo_id, revision, method) JOIN raw.models m USING (commit_id) LEFT JOIN untold u USING (commit_id)
        LEFT JOIN assigned_series s ON s.repo_id = p.repo_id
    WHERE ($series IS NULL OR coalesce(s.series, m.series) = $series)
        AND ($method IS NULL OR starts_with(p.method, $method))
), binned AS (
    SELECT
        n.place, l.commit_id, l.alpha, l.log_spectral_norm,
        least(floor($bins * l.depth / n.last), $bins - 1)::INTEGER AS bin
    FROM raw.averaged_layers l JOIN named n USING (commit_id)
), profiled AS (
    SELECT
        place, bin, count(DISTINCT commit_id) AS models, count(*) AS layers, avg(alpha) AS alpha,
        median(alpha) AS median_alpha, avg(log_spectral_norm) AS log_spectral_norm
    FROM binned
    GROUP BY ALL
)
SELECT
    g.series, (p.bin + 0.5) / $bins AS depth,
    p.models, p.layers, p.alpha, p.median_alpha, p.log_spectral_norm, g.method
FROM profiled p JOIN (SELECT DISTINCT place, series, method FROM named) g USING (place)
ORDER BY g.series, g.method, depth;
