-- How far apart are the experts of a mixture, by alpha, and by what they read and write?
-- One row a matrix that every expert of a layer has. The overlaps are of the subspaces of the ten leading singular
-- vectors, on the side of the inputs and of the outputs, which `zoo scan --blocks` adds; unrelated experts have
-- about `chance_in` and `chance_out`. Only the side that all experts share, the width of the network, compares
-- them: the hidden units of each expert have an order of its own.
-- param series: text = null  (only models of this series)
-- param repo_id: text = null  (only models whose name contains this)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: no model has layers of experts with a fit
WITH alike AS (
    SELECT
        repo_id, revision, layer, avg(overlap_in) AS overlap_in, avg(overlap_out) AS overlap_out,
        least(10, any_value(M)) / any_value(shape[2]) AS chance_in,
        least(10, any_value(M)) / any_value(shape[1]) AS chance_out
    FROM whole_layers WHERE starts_with(method, 'blocks-')
    GROUP BY ALL
)
SELECT
    l.repo_id, min(l.depth) AS depth,
    regexp_replace(regexp_replace(l.layer, '\[[0-9]+\]$', '[*]'), '(experts?[._])[0-9]+', '\1*') AS matrices,
    count(*) AS experts, count(l.alpha) AS fitted,
    avg(l.alpha) AS alpha, stddev_samp(l.alpha) AS alpha_sd, min(l.alpha) AS alpha_min, max(l.alpha) AS alpha_max,
    stddev_samp(l.stable_rank) AS stable_rank_sd,
    avg(o.overlap_in) AS overlap_in, avg(o.chance_in) AS chance_in,
    avg(o.overlap_out) AS overlap_out, avg(o.chance_out) AS chance_out,
    l.method, l.revision
FROM whole_layers l
    LEFT JOIN models m USING (repo_id, revision)
    LEFT JOIN alike o USING (repo_id, revision, layer)
WHERE l.role = 'expert' AND regexp_matches(l.layer, '\[[0-9]+\]$|experts?[._][0-9]+')
    AND NOT starts_with(l.method, 'blocks-')
    AND ($series IS NULL OR m.series = $series)
    AND ($repo_id IS NULL OR contains(lower(l.repo_id), lower($repo_id)))
    AND ($method IS NULL OR starts_with(l.method, $method))
GROUP BY l.repo_id, l.revision, l.method, matrices
ORDER BY l.repo_id, l.revision, l.method, min(l.depth), matrices;
