-- How far apart are the experts of a mixture, by alpha?
-- One row a matrix that every expert of a layer has.
-- param series: text = null  (only models of this series)
-- param repo_id: text = null  (only models whose name contains this)
-- param method: text = null  (only numbers of methods whose id begins with this)
SELECT
    l.repo_id, l.depth,
    regexp_replace(regexp_replace(l.layer, '\[[0-9]+\]$', '[*]'), '(experts?[._])[0-9]+', '\1*') AS matrices,
    count(*) AS experts, count(l.alpha) AS fitted,
    avg(l.alpha) AS alpha, stddev_samp(l.alpha) AS alpha_sd, min(l.alpha) AS alpha_min, max(l.alpha) AS alpha_max,
    stddev_samp(l.stable_rank) AS stable_rank_sd,
    l.method, l.revision
FROM whole_layers l LEFT JOIN models m USING (repo_id, revision)
WHERE l.role = 'expert' AND regexp_matches(l.layer, '\[[0-9]+\]$|experts?[._][0-9]+')
    AND ($series IS NULL OR m.series = $series)
    AND ($repo_id IS NULL OR contains(lower(l.repo_id), lower($repo_id)))
    AND ($method IS NULL OR starts_with(l.method, $method))
GROUP BY l.repo_id, l.revision, l.method, matrices, l.depth
ORDER BY l.repo_id, l.revision, l.method, l.depth, matrices;
